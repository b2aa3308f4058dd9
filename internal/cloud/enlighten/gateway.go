package enlighten

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"envoyd/internal/fault"
)

// For returns a client for one of several gateways. It shares grant, budget and
// the one request in flight with c, but reads the system that this gateway
// belongs to, which it looks for among those that the grant covers. Only c is
// closed.
func (c *Client) For(gateway string) *Client {
	return &Client{
		cfg: c.cfg, host: c.host, grant: c.grant, budget: c.budget, log: c.log, turn: c.turn,
		path:   filepath.Join(c.cfg.Dir, "enlighten-home-"+gateway+".json"),
		closed: map[string]closed{}, noWeek: map[string]bool{},
		first: c, gateway: gateway,
	}
}

// search is one for the system of a gateway that came to nothing.
type search struct {
	with  time.Time // when the first home was seen: another consent is another search
	until time.Time
}

// own is the Home of a client for one of several gateways: the one that was
// connected if it has the gateway, else another that the grant covers. What was
// found is as old as the first home at most, so that it does not outlive the
// consent.
func (c *Client) own(ctx context.Context) (Home, error) {
	first, err := c.first.Home(ctx)
	if err != nil || first.has([]string{c.gateway}) {
		return first, err
	}
	c.mu.Lock()
	known, failed := c.home, c.failed
	c.mu.Unlock()
	if known == nil {
		if h, ok := c.loadHome(); ok {
			known = &h
		}
	}
	switch {
	case c.cfg.SystemID != 0:
		return Home{}, c.notCovered()
	case known != nil && !known.Seen.Before(first.Seen):
		c.useHome(*known)
		return *known, nil
	case failed.with.Equal(first.Seen) && time.Now().Before(failed.until):
		return Home{}, c.notCovered()
	}
	h, err := c.find(ctx, Consent{Gateways: []string{c.gateway}}, c.grant)
	if errors.Is(err, ErrNotThisHome) {
		c.mu.Lock()
		c.failed = search{first.Seen, time.Now().Add(closedFor)}
		c.mu.Unlock()
		return Home{}, c.notCovered()
	}
	if err != nil {
		return Home{}, err
	}
	return h, c.keepHome(h)
}

func (c *Client) notCovered() error {
	return &fault.Error{Kind: fault.Unsupported, Op: "asking the cloud for gateway " + c.gateway, Err: ErrNotThisHome}
}
