package grant

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/oauth2"

	"envoyd/internal/fault"
)

const (
	connectAgain = "Run envoyd connect enlighten and let the owner of the system agree again."
	checkClient  = "Check cloud.enlighten.client_id and client_secret_file against the application at developer-v4.enphase.com."
)

// consentError says why the owner's browser came back without a code. The
// names are those of RFC 6749; a text of the other side is never shown.
func consentError(code string) error {
	e := &fault.Error{Kind: fault.Auth, Op: "asking the owner for access to the Enlighten cloud", Mend: connectAgain}
	switch code {
	case "access_denied":
		e.Err = ErrDenied
	case "unauthorized_client", "invalid_client":
		e.Kind, e.Err, e.Mend = fault.Config, ErrBadClient, checkClient
	case "invalid_scope":
		e.Kind, e.Err = fault.Config, errors.New("the application asks for more than its plan offers")
		e.Mend = "Correct the access controls of the application at developer-v4.enphase.com, then run envoyd connect enlighten again."
	case "server_error", "temporarily_unavailable":
		e.Kind, e.Err = fault.Transient, ErrUpstream
		e.Mend = "Wait a few minutes, then run envoyd connect enlighten again."
	case "invalid_request", "unsupported_response_type":
		e.Kind, e.Err = fault.Config, errors.New("the consent page did not understand the address")
		e.Mend = "Open the address exactly as envoyd connect enlighten printed it; the client id must be that of the application."
	default:
		e.Err = errors.New("the browser came back without a code")
	}
	return e
}

// classify makes of a failed call to the token endpoint what callers and
// people need; refusal is what invalid_grant means for this kind of call.
func (k *Keeper) classify(op string, err error, refusal error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return k.noAnswer(op, err)
	}
	code, status := answer.ErrorCode, 0
	if answer.Response != nil {
		status = answer.Response.StatusCode
	}
	e := &fault.Error{Op: op, After: retryAfter(answer.Response)}
	switch {
	case status == http.StatusTooManyRequests || status >= 500:
		e.Err, e.Mend = fmt.Errorf("answer %d: %w", status, ErrUpstream), "Nothing need be done; envoyd tries again."
	case code == "invalid_client" || code == "unauthorized_client" && !errors.Is(refusal, ErrBadLogin):
		e.Kind, e.Err, e.Mend = fault.Config, ErrBadClient, checkClient
	case code == "invalid_grant" || code == "unauthorized_client" || code == "unsupported_grant_type" && errors.Is(refusal, ErrBadLogin):
		e.Kind, e.Err, e.Mend = fault.Auth, refusal, mendOf(refusal)
	case status == http.StatusUnauthorized && code == "":
		e.Kind, e.Err, e.Mend = fault.Config, fmt.Errorf("answer 401: %w", ErrBadClient), checkClient
	case status == http.StatusBadRequest || status == http.StatusUnauthorized:
		e.Kind, e.Err, e.Mend = fault.Auth, fmt.Errorf("answer %d: %w", status, refusal), mendOf(refusal)
	case status >= 400:
		e.Kind, e.Err, e.Mend = fault.Config, fmt.Errorf("answer %d: %w", status, ErrBadRequest), checkClient
	default: // a redirect, or an error dressed as a success
		e.Err, e.Mend = fmt.Errorf("answer %d: %w", status, ErrUpstream), "Nothing need be done; envoyd tries again."
	}
	return e
}

// noAnswer is for failures below the protocol, and for answers that are not
// JSON although they claim success.
func (k *Keeper) noAnswer(op string, err error) error {
	what, mend := k.cfg.Host.Offline(err)
	if mend == "" {
		mend = "Nothing need be done; envoyd tries again."
	}
	return &fault.Error{Op: op, Err: fmt.Errorf("%s: %w", what, ErrUpstream), Mend: mend}
}

func mendOf(refusal error) string {
	switch {
	case errors.Is(refusal, ErrBadLogin):
		return "Check cloud.enlighten.username and password_file: the installer's Enlighten login of a partner application."
	case errors.Is(refusal, ErrBadCode):
		return "Run envoyd connect enlighten again and paste the new code within a few minutes. " +
			"If it is refused again, check that client_id is that of the application which the owner sees."
	default:
		return connectAgain
	}
}

// retryAfter reads the seconds, at most a day.
func retryAfter(r *http.Response) time.Duration {
	if r == nil {
		return 0
	}
	n, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(min(max(n, 0), 86400)) * time.Second
}
