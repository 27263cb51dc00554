package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

// reportHint is for what should not happen.
const reportHint = "this is a defect of Shipbell: please report it"

// transportFailure translates an error of the transport. Only the host is
// repeated: error texts can hold addresses with passwords.
func transportFailure(ctx context.Context, to *url.URL, err error) *failure {
	p, temporary := transportProblem(ctx, to, err)
	p.Err = err
	return &failure{problem: p, temporary: temporary}
}

func transportProblem(ctx context.Context, to *url.URL, err error) (_ *Problem, temporary bool) {
	host := to.Host
	var (
		op          *net.OpError
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		name        x509.HostnameError
		invalid     x509.CertificateInvalidError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		timeout     net.Error
	)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &Problem{
			Sentence: "interrupted before " + host + " answered",
			Hint:     "run it again",
		}, false
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return &Problem{
			Sentence: "the proxy on the way to " + host + " cannot be reached",
			Hint:     "correct HTTPS_PROXY or HTTP_PROXY, or put the server into NO_PROXY",
		}, true

	case errors.As(err, &dns) && dns.IsNotFound:
		return &Problem{
			Sentence: "there is no host named " + to.Hostname(),
			Hint:     "correct the host in " + envURL,
		}, false
	case errors.As(err, &dns):
		return &Problem{
			Sentence: "the name " + to.Hostname() + " could not be looked up",
			Hint:     "the DNS server does not answer: check the build machine's network",
		}, true

	case errors.As(err, &authority):
		return &Problem{
			Sentence: "the certificate of " + host + " is signed by an authority that is not known here",
			Hint:     "install the authority's certificate on the build machine, or name its file in SSL_CERT_FILE",
		}, false
	case errors.As(err, &name):
		return &Problem{
			Sentence: "the certificate of " + host + " is for another host",
			Hint:     "use the host in " + envURL + " that the certificate is made for",
		}, false
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &Problem{
			Sentence: "the certificate of " + host + " has expired or is not valid yet",
			Hint:     "renew it, and check the clock of the build machine",
		}, false
	case errors.As(err, &certificate):
		return &Problem{
			Sentence: "the certificate of " + host + " is not valid",
			Hint:     "correct the certificate on the server",
		}, false
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return &Problem{
			Sentence: host + " does not speak TLS",
			Hint:     "correct the port in " + envURL + ", or begin it with http:// if the network is your own",
		}, false
	case errors.As(err, &alert):
		return &Problem{
			Sentence: host + " breaks off the TLS handshake",
			Hint:     "check the server's TLS settings and whether the host in " + envURL + " is the right one",
		}, false

	case errors.Is(err, syscall.ECONNREFUSED):
		return &Problem{
			Sentence: "nothing listens at " + host,
			Hint:     "start the server, or correct host and port in " + envURL,
		}, true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &Problem{
			Sentence: host + " did not answer in time",
			Hint:     "check that the server is up and that the build machine can reach it; --timeout sets the limit",
		}, true
	case errors.As(err, &op) && op.Op == "dial":
		return &Problem{
			Sentence: "no connection to " + host,
			Hint:     "check that the server is up and that the build machine can reach it",
		}, true
	case to.Scheme == "http" && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)):
		return &Problem{
			Sentence: host + " breaks off the connection",
			Hint:     "check that the server is up, and whether " + envURL + " should begin with https://",
		}, true
	}
	return &Problem{
		Sentence: "the connection to " + host + " broke off",
		Hint:     "check that the server is up; what stands in front of it has a log too",
	}, true
}
