package fakeserver

// Log remembers calls of type C in the order of their arrival. Whoever has it
// guards it, and the calls in it, with a lock of its own.
type Log[C any] struct {
	Max int // how many of the newest are remembered: 0 all, negative none

	list   []*C // the newest as a ring, once there are Max
	oldest int
	count  int
}

// Add remembers a call, which may change afterwards, and returns its number: 1
// for the first.
func (l *Log[C]) Add(call *C) (seq int) {
	switch {
	case l.Max < 0:
	case l.Max == 0 || len(l.list) < l.Max:
		l.list = append(l.list, call)
	default:
		l.list[l.oldest] = call
		l.oldest = (l.oldest + 1) % l.Max
	}
	l.count++
	return l.count
}

// Calls returns copies of the remembered calls, oldest first.
func (l *Log[C]) Calls() []C {
	all := make([]C, 0, len(l.list))
	for i := range l.list {
		all = append(all, *l.list[(l.oldest+i)%len(l.list)])
	}
	return all
}

// Count is how many calls were added, remembered or not.
func (l *Log[C]) Count() int { return l.count }
