package influx

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"envoyd/internal/fault"
)

// verdict is what an answer says of the points that were sent.
type verdict uint8

const (
	innocent verdict = iota // the answer is not about the points
	suspect                 // it may be: only a request that succeeds can show it
	guilty                  // it names points, lines or types
)

// Words by which databases say that points are bad. Codes do not tell: a type
// conflict is 400 in 1.8, 422 in 2.7 and may be 500 in 3, and 400 is also what
// a proxy says of anything. One table, so that a new wording is one line.
var (
	pointWords = []string{"partial write", "field type conflict", "beyond retention policy", "unable to parse '"}
	// busyWords win over pointWords: a cluster's queue, not the points.
	busyWords = []string{"hinted handoff"}
	// limitWords mark a refusal for quantity, which passes.
	limitWords = []string{"limit"}
	// settingWords mark a wrong setting behind a code that says otherwise: 1.8
	// answers 500 to a retention policy it does not have.
	settingWords = []string{"retention policy not found"}
	// pathWords are how a database says that the address is wrong, not the bucket.
	pathWords = []string{"page not found", "path not found"}
	// emptyWords are how a database that would have taken points refuses none.
	emptyWords = []string{"requires points", "no points", "no data", "no lines", "empty body", "empty write"}
)

func mentions(text string, words []string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// judge says whether a failed write is the fault of its points.
func judge(err error) verdict {
	a, ok := errors.AsType[*answer](err)
	if !ok {
		return innocent
	}
	switch a.status {
	case http.StatusRequestEntityTooLarge:
		return suspect
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusInternalServerError:
	default:
		return innocent
	}
	switch {
	case mentions(a.message, busyWords), mentions(a.message, settingWords):
		return innocent
	case mentions(a.message, pointWords):
		return guilty
	case mentions(a.message, limitWords):
		return innocent
	}
	return suspect
}

// classify says what may be done about a failed write and what a person can do.
func classify(err error, where string) *fault.Error {
	f := &fault.Error{Op: "writing to " + where, Err: err}
	if a, ok := errors.AsType[*answer](err); ok {
		f.Kind, f.Mend, f.After = a.kind(), a.mend(), a.after
		f.Err = a
		return f
	}
	f.Kind, f.Mend = unreached(err)
	if u, ok := errors.AsType[*url.Error](err); ok {
		f.Err = u.Err // the address stands in Op already
	}
	return f
}

// kind sorts an answer for the delivery loop.
func (a *answer) kind() fault.Kind {
	switch {
	case mentions(a.message, settingWords):
		return fault.Config
	case a.status == http.StatusTooManyRequests, a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly:
		return fault.Transient
	case a.status >= 500 && a.status != http.StatusNotImplemented:
		return fault.Transient
	case (a.status == http.StatusBadRequest || a.status == http.StatusUnprocessableEntity) && judge(a) == innocent:
		return fault.Transient
	default:
		return fault.Config
	}
}

// mend says what a person can do about an answer.
func (a *answer) mend() string {
	text := strings.ToLower(a.message)
	switch {
	case strings.Contains(text, "http request to an https server"), strings.Contains(text, "sent to https port"):
		return "The server speaks TLS: write https:// in influx.url."
	case a.kind() == fault.Transient:
		return "Nothing: it is tried again by itself. If it lasts, look at the database's own log."
	case a.status == http.StatusUnauthorized:
		return "Check influx.token, or influx.username and influx.password for InfluxDB 1.8."
	case a.status == http.StatusForbidden:
		return "Give this token or user the right to write to the bucket in influx.bucket."
	case !a.database, a.status == http.StatusNotFound && mentions(a.message, pathWords):
		return "No InfluxDB answers there: check host, port and path in influx.url."
	case a.status == http.StatusNotFound, mentions(a.message, settingWords):
		return "Create the bucket (1.8: the database), or check influx.bucket and influx.org."
	case a.status == http.StatusRequestEntityTooLarge:
		return "Raise the size limit of the database or of the proxy before it."
	default:
		return "Check influx.org, influx.bucket and influx.url."
	}
}

// unreached sorts failures without an answer.
func unreached(err error) (fault.Kind, string) {
	if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
		return fault.Security, "Name the authority that signed the server's certificate in influx.ca_file, " +
			"and in influx.url a host that the certificate is made out to."
	}
	if _, plain := errors.AsType[tls.RecordHeaderError](err); plain || errors.Is(err, http.ErrSchemeMismatch) {
		return fault.Config, "The server does not speak TLS: write http:// in influx.url."
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fault.Transient, fmt.Sprintf("Check the host %q in influx.url and this machine's name server.", dns.Name)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fault.Transient, "Nothing listens there: start the database, or check host and port in influx.url."
	}
	return fault.Transient, "Check that the database runs and that this machine reaches the host in influx.url."
}
