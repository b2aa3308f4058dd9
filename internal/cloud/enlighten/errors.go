package enlighten

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/fault"
)

// What can go wrong, to be matched with errors.Is; beside them come
// budget.ErrSpent and the errors of package grant.
var (
	ErrWrongKey      = errors.New("the API key does not belong to the application that the owner agreed to")
	ErrNotAllowed    = errors.New("the application may not ask for this")
	ErrNotCovered    = errors.New("the owner's consent or the plan does not cover this")
	ErrUnknownSystem = errors.New("the system is not known under this number")
	ErrRange         = errors.New("the cloud has nothing for this range of time")
	ErrLimit         = errors.New("the limit of calls is reached")
	ErrUpstream      = errors.New("the Enlighten cloud does not work at the moment")
	ErrNoData        = errors.New("the Enlighten cloud has no present values of this system")
	ErrNotThisHome   = errors.New("the access that was granted is for another home")
	ErrAmbiguous     = errors.New("the access covers several systems")
)

const (
	busyPause  = time.Minute    // after 5xx, and 503 for parallel requests
	closedFor  = 24 * time.Hour // an endpoint that is not ours to ask is tried again after
	mendPortal = "Tick the access controls of the application at developer-v4.enphase.com (its plan must offer them), then run envoyd connect enlighten again."
	mendKey    = "Check cloud.enlighten.api_key_file: it must be the key of the same application as client_id."
	mendSystem = "Check cloud.enlighten.system_id, or remove it; envoyd check lists the systems that the access covers."
)

// refusal is an answer that is not 200.
type refusal struct {
	status int
	envelope
}

// says reports whether the answer's own words contain one of these. The words
// are only looked at, never shown.
func (r refusal) says(words ...string) bool {
	for _, w := range words {
		if strings.Contains(r.words, w) {
			return true
		}
	}
	return false
}

// wrongKey recognises the 401 for a key and a token of two applications.
func (r refusal) wrongKey() bool {
	return r.status == http.StatusUnauthorized && r.says("api key", "api-key", "apikey", "api_key", "client id", "client_id", "mismatch")
}

// classify makes of a refusal what callers and people need. 401 comes here
// only when a fresh access token was refused too.
func (r refusal) classify(op string) *fault.Error {
	e := &fault.Error{Op: op}
	set := func(kind fault.Kind, sentinel error, mend string) {
		e.Kind, e.Err, e.Mend = kind, fmt.Errorf("answer %d: %w", r.status, sentinel), mend
	}
	switch {
	case r.wrongKey():
		set(fault.Config, ErrWrongKey, mendKey)
	case r.status == http.StatusUnauthorized:
		set(fault.Unsupported, ErrNotAllowed, mendPortal+" If nothing at all may be asked: "+mendKey)
	case r.status == http.StatusForbidden:
		set(fault.Unsupported, ErrNotCovered, mendSystem+" "+mendPortal)
	case r.status == http.StatusNotFound:
		set(fault.Config, ErrUnknownSystem, mendSystem)
	case r.status == http.StatusUnprocessableEntity && r.says("future"):
		set(fault.Transient, ErrRange, "Check the date and time of this computer.")
	case r.status == http.StatusUnprocessableEntity || r.status == http.StatusBadRequest:
		set(fault.Unsupported, ErrRange, "")
	case r.status >= 500 && r.status != http.StatusNotImplemented:
		set(fault.Transient, ErrUpstream, "Nothing need be done; envoyd tries again.")
		e.After = busyPause
	case r.status >= 400:
		set(fault.Unsupported, ErrNotAllowed, "Look for a newer envoyd.")
	default: // a redirect, or an empty success
		set(fault.Transient, ErrUpstream, "Nothing need be done; envoyd tries again.")
	}
	return e
}

// upstream is for answers that are none.
func upstream(op, what, mend string) error {
	if mend == "" {
		mend = "Nothing need be done; envoyd tries again."
	}
	return &fault.Error{Op: op, Err: fmt.Errorf("%s: %w", what, ErrUpstream), Mend: mend}
}

// limit is for 429, when the budget has heard of it.
func limit(op string, until time.Time) error {
	return &fault.Error{Op: op, Err: ErrLimit, After: max(time.Until(until), time.Second),
		Mend: "Nothing need be done; Enphase allows the next call at " + until.Local().Format("2006-01-02 15:04") +
			". If this comes often, check cloud.enlighten.plan."}
}

// optional reports whether one series less is no reason to give up the others.
func optional(err error) bool {
	return fault.Is(err, fault.Unsupported) && !errors.Is(err, budget.ErrSpent)
}
