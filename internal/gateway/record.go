package gateway

import (
	"context"
	"errors"
	"net/http"

	"envoyd/internal/fault"
)

// Recorded is an answer as it came, whatever it says.
type Recorded struct {
	Status int
	Header http.Header
	Body   []byte
}

// Record asks for a page as Get does and returns the answer whatever its status
// and shape: for a recording of the gateway. What the gateway refuses to our
// login is recorded as it answers without one.
//
// Faults: as Connect and the login of Get; the answer itself is none.
func (c *Client) Record(ctx context.Context, path string, slow bool) (Recorded, error) {
	done, err := c.takeTurn(ctx)
	if err != nil {
		return Recorded{}, err
	}
	defer done()
	q := question{method: http.MethodGet, path: path, slow: slow}
	r, err := c.converse(ctx, q)
	refused := errors.Is(err, ErrPassword) || errors.Is(err, ErrNotAllowed) || errors.Is(err, ErrChallenge)
	if refused && !fault.Is(err, fault.Security) {
		r, err = c.ask(ctx, q, nil)
	}
	if err != nil {
		return Recorded{}, c.wrap("recording "+path+" of gateway "+c.cfg.Serial, err)
	}
	return Recorded{Status: r.status, Header: r.header, Body: r.body}, nil
}
