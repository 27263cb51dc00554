// Package outbound is the one HTTP client through which Shipbell speaks to the
// outside. Every request has a time-out that covers the whole answer, every
// answer has a size limit, redirects are not followed, and no error, however
// it is printed or unwrapped, shows a secret that the caller named.
//
// It does not retry and does not judge an answer: any HTTP status is a
// [Response]. Those who call know what it means.
package outbound
