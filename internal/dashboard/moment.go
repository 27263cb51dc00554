package dashboard

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/render"
)

// The policy of this file: a page says times in UTC, which is true for every reader
// and needs no script. The script puts them into the reader's zone, and says how
// long ago they were.

// utc is a time as people read it.
func utc(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04") + " UTC" }

// element is a time of which the script knows what to make.
func element(t time.Time, as string) template.HTML {
	if t.IsZero() {
		return "never"
	}
	t = t.UTC()
	return template.HTML(`<time data-as="` + as + `" datetime="` + t.Format("2006-01-02T15:04:05.000Z") +
		`" title="` + t.Format("2006-01-02 15:04:05") + ` UTC">` + utc(t) + `</time>`)
}

// when is a date with its time.
func when(t time.Time) template.HTML { return element(t, "when") }

// age is how long ago something was.
func age(t time.Time) template.HTML { return element(t, "age") }

// clock is the time of a day that is named already.
func clock(t time.Time) template.HTML {
	return template.HTML(strings.Replace(string(element(t, "clock")), utc(t), t.UTC().Format("15:04")+" UTC", 1))
}

// since is how long something lasts by now.
func since(t, now time.Time) template.HTML {
	return template.HTML(strings.Replace(string(element(t, "since")), utc(t), render.Duration(now.Sub(t)), 1))
}

// day names a day.
func day(t time.Time) string { return t.UTC().Format("Monday, 2 January 2006") }

// took is a duration, empty for none.
func took(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return render.Duration(d)
}

// number is a count with its thousands apart.
func number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// plural counts things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%s %ss", number(n), thing)
}
