package faketelegram

import "time"

// Call is one request, whatever became of it.
type Call struct {
	Seq       int    // 1 for the first
	Method    string // as Telegram spells it; as received if there is no such method
	Chat      int64  // chat_id, or the id behind a @username; 0 for none
	Thread    int    // message_thread_id
	MessageID int    // what to edit or delete; for a new message what it became
	Text      string // the text parameter as received
	ParseMode string
	Received  time.Time

	Fault       Fault // what was injected
	Done        bool  // it has an outcome
	Accepted    bool  // Telegram said ok, even if the client could not hear it
	Status      int   // the HTTP status sent; 0 for a broken connection
	Description string
}

// spends reports whether the call takes from a chat's budget.
func (c *Call) spends() bool { return c.Method == "sendMessage" || c.Method == "editMessageText" }

// Calls returns the calls in the order of their arrival, those without an
// outcome yet included. See [Options].MaxCalls.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.Calls()
}

// CallCount is how many calls were received, remembered or not.
func (s *Server) CallCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.Count()
}
