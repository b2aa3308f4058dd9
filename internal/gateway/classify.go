package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/firmware"
	"envoyd/internal/scalar"
)

// jsonFirmware is where pages that do not exist begin to be 404; before, they
// were HTML with status 200 (3.9.36 production.json, 3.17.3 ensemble).
const jsonFirmware firmware.Version = "4"

// longestWish bounds how long a gateway may ask to be left alone.
const longestWish = 15 * time.Minute

// trimmed returns a body without what may stand before its first byte.
func trimmed(body []byte) []byte { return bytes.TrimLeft(body, " \t\r\n\ufeff") }

// classify sorts an answer whose body is trimmed: nil when its body is what was asked for. The
// content type is not looked at, since firmware 3 calls HTML JSON; the first
// byte that is not blank decides.
func classify(q question, r reply, v firmware.Version) error {
	if err := classifyStatus(r); err != nil {
		return err
	}
	body := r.body
	switch {
	case len(body) == 0:
		return ErrEmpty
	case body[0] == '<' && q.html:
		return nil
	case body[0] == '<' && v.Less(jsonFirmware):
		return &fault.Error{Kind: fault.Unsupported, Err: fmt.Errorf("%w but HTML", ErrNotJSON)}
	case body[0] == '<':
		return fmt.Errorf("%w but HTML", ErrNotJSON)
	case body[0] != '{' && body[0] != '[':
		return ErrNotJSON
	case !json.Valid(body) && !json.Valid(scalar.WithoutNaN(body)):
		return ErrTruncated
	}
	return nil
}

// classifyStatus sorts an answer by its status: nil for a success.
func classifyStatus(r reply) error {
	kind, cause := fault.Transient, ErrBusy
	switch s := r.status; {
	case s >= 200 && s < 300:
		return nil
	case s >= 300 && s < 400:
		cause = ErrRedirect
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		kind, cause = fault.Unsupported, ErrNotAllowed
	case s == http.StatusRequestTimeout || s == http.StatusTooManyRequests:
	case s >= 400 && s < 500, s == http.StatusNotImplemented:
		kind, cause = fault.Unsupported, ErrNotFound
	}
	return &fault.Error{Kind: kind, After: wish(r), Err: fmt.Errorf("%w: status %d", cause, r.status)}
}

// wish returns how long the gateway asks to be left alone. Services that start
// after a boot answer 503 and take half a minute.
func wish(r reply) time.Duration {
	if s, err := strconv.ParseUint(r.header.Get("Retry-After"), 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, longestWish)
	}
	if r.status == http.StatusServiceUnavailable {
		return 30 * time.Second
	}
	return 0
}
