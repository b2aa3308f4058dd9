package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"envoyd/internal/fault"
)

// Get asks for a page of JSON; slow allows for the minute that the pages of the
// user interface may take. It logs in when needed, renews a lost session once
// and connects anew when the gateway closed the connection.
//
// Faults: Unsupported when this gateway or this role does not have the page,
// Auth for a token or password that is missing or refused, Security when
// somebody else answers, Transient for the rest (ErrNotJSON, ErrEmpty,
// ErrTruncated, ErrTooLarge, ErrRedirect, ErrBusy, timeouts).
func (c *Client) Get(ctx context.Context, path string, slow bool) (Answer, error) {
	return c.get(ctx, question{method: http.MethodGet, path: path, slow: slow})
}

// GetHTML is Get for a page that may be HTML: /production of firmware 3.
func (c *Client) GetHTML(ctx context.Context, path string, slow bool) (Answer, error) {
	return c.get(ctx, question{method: http.MethodGet, path: path, slow: slow, html: true})
}

// EnableLive asks the gateway to keep /ivp/livedata/status fresh, which it
// stops doing after a while (about 15 minutes where it was measured).
// Unsupported where the firmware or the role does not allow it.
func (c *Client) EnableLive(ctx context.Context) error {
	_, err := c.get(ctx, question{method: http.MethodPost, path: "/ivp/livedata/stream", body: `{"enable":1}`})
	return err
}

func (c *Client) get(ctx context.Context, q question) (Answer, error) {
	done, err := c.takeTurn(ctx)
	if err != nil {
		return Answer{}, err
	}
	defer done()
	r, err := c.converse(ctx, q)
	if err == nil {
		r.body = trimmed(r.body)
		err = classify(q, r, c.info.Firmware)
	}
	if err != nil {
		return Answer{}, c.wrap("asking gateway "+c.cfg.Serial+" for "+q.path, err)
	}
	return Answer{Path: q.path, Body: r.body, Received: r.received, Latency: r.latency, Firmware: c.info.Firmware}, nil
}

// converse asks q with the login that the gateway wants.
func (c *Client) converse(ctx context.Context, q question) (reply, error) {
	if !strings.HasPrefix(q.path, "/") {
		return reply{}, &fault.Error{Kind: fault.Config, Err: fmt.Errorf("path %.40q does not begin with a slash", q.path)}
	}
	if err := c.begin(ctx); err != nil {
		return reply{}, err
	}
	switch {
	case c.link.key.IsZero():
		return c.askWithDigest(ctx, q)
	case c.info.NeedsToken():
		return c.askWithToken(ctx, q)
	}
	return c.ask(ctx, q, nil)
}

// begin makes sure of a checked connection at the start of a conversation.
func (c *Client) begin(ctx context.Context) error {
	if c.link != nil && c.link.spent() {
		c.drop()
	}
	return c.ready(ctx)
}

// ready opens the connection if there is none.
func (c *Client) ready(ctx context.Context) error {
	if c.target.isZero() {
		return ErrNotConnected
	}
	if why := c.noPlainHTTP(); c.target.scheme == schemeHTTP && why != "" {
		c.drop()
		c.target = target{} // the next Connect looks for HTTPS
		return fmt.Errorf("%w any more: %s", ErrPlainHTTP, why)
	}
	if c.link != nil {
		return c.stillTrusted()
	}
	_, err := c.open(ctx, c.target)
	return err
}

// stillTrusted checks the key of the open connection again: a person may have
// pinned another one since.
func (c *Client) stillTrusted() error {
	if c.link.key.IsZero() {
		return nil
	}
	err := c.dialer().check(c.link.address, c.link.key)
	if err != nil {
		c.drop()
	}
	return err
}

// ask sends q over the checked connection. A connection that the gateway ended
// meanwhile is opened and checked anew, once; one that ends right after it was
// checked belongs to a gateway that always does so.
func (c *Client) ask(ctx context.Context, q question, authorize authorizer) (reply, error) {
	limit := c.cfg.NativeTimeout
	if q.slow {
		limit = c.cfg.SlowTimeout
	}
	for reopened := false; ; {
		if err := c.ready(ctx); err != nil {
			return reply{}, err
		}
		r, err := c.once(ctx, limit, q, authorize)
		switch {
		case err == nil:
			c.cfg.Book.Seen(c.cfg.Serial, c.link.key.SHA256, r.received)
			return r, nil
		case !errors.Is(err, errLinkGone):
			c.drop()
			return reply{}, err
		case !reopened:
			c.drop()
			reopened = true
		case !c.link.closesEach():
			c.drop()
			return reply{}, err
		}
	}
}

// once sends q within the time limit.
func (c *Client) once(ctx context.Context, limit time.Duration, q question, authorize authorizer) (reply, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := c.link.do(limited, q, authorize)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no whole answer within %s: %w", limit, err)
	}
	return r, err
}

// refresh asks /info again, or returns what a connection opened for it said.
func (c *Client) refresh(ctx context.Context) (Info, error) {
	before := c.link
	if err := c.begin(ctx); err != nil {
		return Info{}, err
	}
	if c.link != before {
		return c.info, nil
	}
	r, err := c.ask(ctx, question{method: http.MethodGet, path: infoPath}, nil)
	if err != nil {
		return Info{}, err
	}
	info, err := c.link.infoFrom(r)
	if err == nil {
		err = c.accept(c.link, info)
	}
	if err != nil {
		return Info{}, err
	}
	c.info = info
	return info, nil
}
