package telegram_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/outbound"
)

// FuzzDeliver delivers messages of any strings to a Telegram that parses as
// strictly as the true one. All must be accepted, with markup and without, and
// show no more than 4096 UTF-16 code units.
func FuzzDeliver(f *testing.F) {
	f.Add("Commit", "Fix <b>it</b> & more", "https://example.com/?a=1&b=2", uint16(1), uint8(1), uint8(3))
	f.Add("A<b>", "&lt;\x00\xff\u202e\u2028\r\n", `http://x.y/"><script>`, uint16(300), uint8(2), uint8(0))
	f.Add("", "🚢", "javascript:alert(1)", uint16(5000), uint8(0), uint8(1))
	f.Add(strings.Repeat("label", 1000), "", "http://localhost", uint16(0), uint8(7), uint8(2))
	f.Add("\u200b", "\u0333\u030a", "", uint16(2), uint8(3), uint8(0))
	f.Add("", "quoted <line>", "", uint16(30), uint8(250), uint8(1))
	f.Add("", " ", "", uint16(3), uint8(250), uint8(0))
	f.Add("L", `"&<>`, "https://example.com/"+strings.Repeat("&", 9000), uint16(1500), uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, label, body, address string, repeat uint16, shape, give uint8) {
		const maxText = 64 << 10
		if n := len(label) + len(address); n > maxText || len(body)*int(repeat%8192) > maxText {
			return
		}
		body = strings.Repeat(body, int(repeat%8192))
		style := shipbell.Style(shape % 3)
		line := shipbell.Line{Label: label, Spans: []shipbell.Span{
			{Text: body, Style: style, Give: int(give % 4)},
			{Text: label, URL: address, Style: style, Give: int(give / 4 % 4)},
			{Text: body, URL: address, Give: int(give / 16)},
		}}
		message := shipbell.Message{}
		for range 1 + shape/3%8 {
			line.Quote = shape >= 64 && len(message.Lines)%3 > 0
			message.Lines = append(message.Lines, line, shipbell.Line{Quote: shape >= 128})
		}

		server := faketelegram.New(faketelegram.Options{Unlimited: true})
		server.AddChat(faketelegram.Chat{ID: person})
		c := newChannel(t, telegram.Config{
			Token: outbound.NewSecret(server.Token()),
			HTTP:  outbound.New(outbound.Options{Transport: server.Client().Transport}),
		}, id(person))
		for _, plain := range []bool{false, true} {
			if _, err := c.Deliver(t.Context(), shipbell.Delivery{Message: message, Plain: plain}); err != nil {
				t.Fatalf("plain %t: %v", plain, err)
			}
		}
		shown := server.Messages(person)
		for _, m := range shown {
			if n := len(utf16.Encode([]rune(m.Text))); n > 4096 {
				t.Errorf("%d UTF-16 code units", n)
			}
		}
		if v := server.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
		// Without addresses the markup hides and adds nothing. Telegram trims the
		// start of a text only up to the first entity.
		if address == "" && shape < 64 && strings.TrimSpace(shown[0].Text) != strings.TrimSpace(shown[1].Text) {
			t.Errorf("with markup\n  %q\nwithout\n  %q", shown[0].Text, shown[1].Text)
		}
	})
}
