package entrez

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"envoyd/internal/cloud/host"
	"envoyd/internal/fault"
)

// What can go wrong, to be matched with errors.Is.
var (
	ErrBadCredentials      = errors.New("wrong e-mail or password")
	ErrMFARequired         = errors.New("the account asks for a one-time code")
	ErrBadCode             = errors.New("the one-time code is wrong or too old")
	ErrBlocked             = errors.New("the account is blocked")
	ErrTooManySessions     = errors.New("the account has too many active sessions")
	ErrGatewayNotPermitted = errors.New("the account may not open this gateway")
	ErrThrottled           = errors.New("too many logins in a short time")
	ErrUpstream            = errors.New("the service does not work at the moment")
	ErrUnreachable         = errors.New("Enphase cannot be asked from here") //nolint:staticcheck // a name
	ErrLayoutChanged       = errors.New("a page does not look as expected")
)

const (
	throttlePause = 15 * time.Minute // at least, after 429
	longPause     = 24 * time.Hour   // blocked, too many sessions, a changed page
)

// failure is why one step did not work.
type failure struct {
	sentinel error
	detail   string        // where and how; ours, never from a page but its title
	after    time.Duration // the other side's wish
	mend     string        // instead of the sentinel's own
}

func fail(sentinel error, format string, args ...any) *failure {
	return &failure{sentinel: sentinel, detail: fmt.Sprintf(format, args...)}
}

func (f *failure) is(sentinel error) bool { return errors.Is(f.sentinel, sentinel) }

// concernsAccount reports whether another way in would only do harm.
func (f *failure) concernsAccount() bool { return verdicts[f.sentinel].account }

// outweighs reports whether f says more than the failure of another way in.
func (f *failure) outweighs(other *failure) bool {
	return verdicts[f.sentinel].weight > verdicts[other.sentinel].weight
}

// answered is an error that knows how many definite answers the login page
// gave on the way to it; package token counts them.
type answered struct {
	error
	count int
}

func (a *answered) Unwrap() error { return a.error }

// LoginAnswers is the number of logins that were definitely answered.
func (a *answered) LoginAnswers() int { return a.count }

// report makes of a failure what callers and people need.
func (a *attempt) report(op string, f *failure) error {
	e := &fault.Error{Op: op, After: f.after, Mend: f.mend}
	v := verdicts[f.sentinel]
	e.Kind, e.After = v.kind, max(e.After, v.after)
	if e.Mend == "" {
		e.Mend = v.mend
	}
	cause := fmt.Errorf("%s: %w", f.detail, f.sentinel)
	if f.concernsAccount() {
		cause = fmt.Errorf("Enphase does not let %s in: %w (%s)", Mask(a.login.Email), f.sentinel, f.detail) //nolint:staticcheck // a name
	}
	e.Err = &answered{error: cause, count: a.answers}
	return e
}

// verdict is what a failure means.
type verdict struct {
	account bool // concerns the account itself: another way in would only do harm
	weight  int  // how much it says, beside the failure of another way in
	kind    fault.Kind
	after   time.Duration
	mend    string
}

var verdicts = map[error]verdict{
	ErrBadCredentials: {account: true, weight: 3, kind: fault.Auth,
		mend: "Correct account.username and account.password_file (try them at https://enlighten.enphaseenergy.com), then reload envoyd. Until then it does not try again, so that the account is not locked."},
	ErrMFARequired: {account: true, weight: 3, kind: fault.Auth,
		mend: "Run envoyd token login, which asks for the code and keeps only the token; once a year is enough. Or paste a token with envoyd token set."},
	ErrBadCode: {account: true, weight: 3, kind: fault.Auth,
		mend: "Run envoyd token login again and type the newest code from the e-mail."},
	ErrBlocked: {account: true, weight: 3, kind: fault.Auth, after: longPause,
		mend: "Wait a day, log in at https://enlighten.enphaseenergy.com to unblock the account, then run envoyd token login."},
	ErrTooManySessions: {account: true, weight: 3, kind: fault.Transient, after: longPause,
		mend: "Log out of Enphase's app and web site elsewhere; envoyd tries again in a day."},
	ErrThrottled: {account: true, weight: 3, kind: fault.Transient, after: throttlePause,
		mend: "Nothing need be done; envoyd tries again later."},
	ErrGatewayNotPermitted: {weight: 2, kind: fault.Config, after: longPause,
		mend: "Check gateways[].serial and that this account owns the gateway; only Enphase support or the installer can change who owns it."},
	ErrLayoutChanged: {weight: 1, kind: fault.Transient, after: longPause,
		mend: "Enphase has changed its pages. Paste a token from https://entrez.enphaseenergy.com with envoyd token set, and look for a newer envoyd."},
	ErrUnreachable: {kind: fault.Transient},
	ErrUpstream: {kind: fault.Transient,
		mend: "Nothing need be done; envoyd tries again and uses the present token as long as it lives."},
}

// Mask makes an e-mail address fit for a log: "jane@example.org" becomes
// "j…@…".
func Mask(email string) string {
	name, _, at := strings.Cut(strings.TrimSpace(email), "@")
	first, size := utf8.DecodeRuneInString(name)
	masked := "…"
	if size > 0 {
		masked = string(first) + masked
	}
	if size > 0 && at {
		masked += "@…"
	}
	return masked
}

// offline says in our own words why no answer came.
func offline(to *host.Host, err error) *failure {
	what, mend := to.Offline(err)
	return &failure{sentinel: ErrUnreachable, detail: what, mend: mend}
}
