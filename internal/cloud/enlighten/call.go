package enlighten

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

var errUnknownPlan = errors.New("there is no such plan")

const (
	bodyLimit   = 8 << 20          // a lifetime of daily values is far below
	patience    = 70 * time.Second // backfill and setup wait for their turn within a minute
	maxPatience = 5                // times for one call
)

// tokens is where an access token comes from: the grant, or an offer that is
// not kept yet.
type tokens interface {
	Token(context.Context) (secret.Text, error)
	Refused(secret.Text) bool
}

// request is one thing to ask for.
type request struct {
	endpoint string // its name in messages, and what is closed: "latest_telemetry"
	path     string
	query    url.Values
	need     budget.Need
	with     tokens // nil = the grant
}

func (r request) op() string { return "asking the Enlighten cloud for " + r.endpoint }

// get asks and decodes the answer into v.
func (c *Client) get(ctx context.Context, r request, v any) error {
	if err := c.isClosed(r.endpoint); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	body, err := c.authorized(ctx, r)
	if err != nil {
		c.closeIfNeeded(r, err)
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return upstream(r.op(), "the answer is not what it should be", "")
	}
	return nil
}

// authorized asks with an access token, and once more with a new one if the
// cloud does not take it.
func (c *Client) authorized(ctx context.Context, r request) ([]byte, error) {
	if r.with == nil {
		r.with = c.grant
	}
	access, err := r.with.Token(ctx)
	if err != nil {
		return nil, err
	}
	body, refused, err := c.once(ctx, r, access)
	if err == nil && refused != nil && refused.status == http.StatusUnauthorized && !refused.wrongKey() && r.with.Refused(access) {
		if access, err = r.with.Token(ctx); err != nil {
			return nil, err
		}
		r.need = budget.Need{Purpose: budget.Setup} // the pace was kept by the first
		body, refused, err = c.once(ctx, r, access)
	}
	if err != nil {
		return nil, err
	}
	if refused == nil {
		return body, nil
	}
	if refused.status == http.StatusTooManyRequests {
		until, err := c.budget.Refused(ctx, refused.limit)
		if err != nil {
			c.log.Warn("limit of cloud calls not kept", "error", err)
		}
		return nil, limit(r.op(), until)
	}
	return nil, refused.classify(r.op())
}

// once makes one counted call. A body comes with 200 only.
func (c *Client) once(ctx context.Context, r request, access secret.Text) ([]byte, *refusal, error) {
	u := c.host.URL(r.path)
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, upstream(r.op(), "the request cannot be made", "")
	}
	req.Header.Set("Authorization", "Bearer "+access.Reveal())
	req.Header.Set("key", c.cfg.APIKey.Reveal()) // not in the address, which proxies log
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "envoyd")
	if err := c.take(ctx, r.need); err != nil {
		return nil, nil, err
	}
	answer, err := c.host.Client().Do(req)
	if err != nil {
		return nil, nil, c.noAnswer(r, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, bodyLimit+1))
	if err != nil {
		return nil, nil, c.noAnswer(r, err)
	}
	if len(body) > bodyLimit {
		return nil, nil, upstream(r.op(), "the answer has no end", "")
	}
	if answer.StatusCode != http.StatusOK {
		return nil, &refusal{status: answer.StatusCode, envelope: parseEnvelope(body)}, nil
	}
	return body, nil, nil
}

func (c *Client) noAnswer(r request, err error) error {
	what, mend := c.host.Offline(err)
	return upstream(r.op(), what, mend)
}

// take counts a call. What is not urgent waits for the next minute.
func (c *Client) take(ctx context.Context, n budget.Need) error {
	for tries := 1; ; tries++ {
		err := c.budget.Take(ctx, n)
		wait := fault.After(err)
		if !errors.Is(err, budget.ErrSpent) || n.Purpose == budget.Fallback || wait > patience || tries == maxPatience {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// countRefresh counts a call to the token endpoint.
func (c *Client) countRefresh(ctx context.Context) error {
	return c.take(ctx, budget.Need{Purpose: budget.Refresh})
}

func (c *Client) isClosed(endpoint string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if shut, ok := c.closed[endpoint]; ok && time.Now().Before(shut.until) {
		return shut.err
	}
	return nil
}

// closeIfNeeded leaves an endpoint alone that the application may not ask, so
// that it does not eat the budget.
func (c *Client) closeIfNeeded(r request, err error) {
	if !fault.Is(err, fault.Unsupported) || errors.Is(err, ErrRange) || r.with != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed[r.endpoint] = closed{time.Now().Add(closedFor), err}
	c.log.Info("cloud endpoint not for us", "endpoint", r.endpoint, "error", err)
}

func system(id int64, rest string) string {
	return fmt.Sprintf("/api/v4/systems/%d%s", id, rest)
}
