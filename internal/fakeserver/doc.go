// Package fakeserver is what the fakes of remote services have in common: a
// client that needs no network, a local listener, faults and when they strike, the
// log of calls, waiting for a change, and a clock that stands still.
//
// Its one rule: it never forms an answer. Every word that a client reads is the
// fake's own, a broken connection aside.
//
// It knows no service, decides no fault and keeps no state that a service has.
package fakeserver
