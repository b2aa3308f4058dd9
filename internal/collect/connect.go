package collect

import (
	"context"
	"errors"
	"slices"
	"time"

	"envoyd/internal/backoff"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/status"
)

// How long to wait before the next try, by what went wrong. A gateway that is
// away costs the network one packet a try, so it is looked for often: its
// return is seen within seconds.
const (
	retryAway     = 4 * time.Second
	retrySecurity = time.Minute
	retryToken    = 15 * time.Second
	// alarmAfter is how long a gateway may be away before that is an alarm:
	// its reboot takes a minute or two.
	alarmAfter = 2 * time.Minute
)

// connect looks for the gateway until it answers, proves who it is and lets us
// in, or until ctx ends. It is searched for when it does not answer where it is
// known to be, again and again but ever less often.
func (c *Collector) connect(ctx context.Context) (gateway.Info, bool) {
	search := backoff.Backoff{First: 5 * time.Second, Longest: 2 * time.Minute}
	var found []string
	var searchAt time.Time
	began := time.Now()
	for {
		tried := c.candidates(found)
		info, err := c.try(ctx, tried)
		if err != nil && c.searches() && !time.Now().Before(searchAt) {
			c.beat()
			found, _ = c.cfg.Find(ctx) // an error means nobody was heard; the next burst may
			searchAt = time.Now().Add(search.Next(0))
			info, err = c.tryFound(ctx, c.candidates(found), tried, err)
		}
		if err == nil {
			c.connected(info)
			return info, true
		}
		c.missed()
		c.away(err, time.Since(began))
		if c.rest(ctx, pause(err)); ctx.Err() != nil {
			return gateway.Info{}, false
		}
	}
}

// searches reports whether the gateway may be looked for: one with a
// configured address is there or nowhere.
func (c *Collector) searches() bool { return c.cfg.Address == "" && c.cfg.Find != nil }

// tryFound asks the addresses that were not among those tried.
func (c *Collector) tryFound(ctx context.Context, all, tried []string, before error) (gateway.Info, error) {
	fresh := slices.DeleteFunc(all, func(a string) bool { return slices.Contains(tried, a) })
	if len(fresh) == 0 {
		return gateway.Info{}, before
	}
	info, err := c.try(ctx, fresh)
	if err != nil && fault.KindOf(before) > fault.KindOf(err) {
		err = before
	}
	return info, err
}

func (c *Collector) remembered() string {
	if c.cfg.Remembered == nil {
		return ""
	}
	return c.cfg.Remembered()
}

// candidates lists where the gateway may be: the configured address and
// nothing else, or the last good one and then what was found.
func (c *Collector) candidates(found []string) []string {
	if c.cfg.Address != "" {
		return []string{c.cfg.Address}
	}
	var all []string
	if last := c.remembered(); last != "" {
		all = append(all, last)
	}
	for _, address := range found {
		if !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	return all
}

var errNowhere = errors.New("no host on the network says it is this gateway")

// try asks each address in turn and returns the first that lets us in. The
// error that says most is kept: a refused token or a wrong key is news, an
// address where nobody answers is not.
func (c *Collector) try(ctx context.Context, addresses []string) (gateway.Info, error) {
	var worst error = &fault.Error{
		Kind: fault.Transient,
		Op:   "looking for gateway " + c.cfg.Serial,
		Err:  errNowhere,
		Mend: "Check that the gateway has power and is on the same network as this computer, or set gateways[].address.",
	}
	for i, address := range addresses {
		c.beat()
		info, err := c.cfg.Client.Connect(ctx, address)
		if err == nil {
			return info, nil
		}
		if i == 0 || fault.KindOf(err) > fault.KindOf(worst) {
			worst = err
		}
	}
	return gateway.Info{}, worst
}

func pause(err error) time.Duration {
	base := retryAway
	switch fault.KindOf(err) {
	case fault.Security:
		base = retrySecurity
	case fault.Auth:
		base = retryToken
	case fault.Transient, fault.Config, fault.Unsupported:
	}
	return max(base, min(fault.After(err), longestWait))
}

// connected remembers what the gateway says of itself.
func (c *Collector) connected(info gateway.Info) {
	c.mu.Lock()
	c.info = info
	c.mu.Unlock()
	if c.cfg.Connected != nil {
		c.cfg.Connected(info)
	}
}

// present reports that the gateway is there and answers.
func (c *Collector) present(info gateway.Info) {
	c.cfg.Board.Set("gateway/"+c.cfg.Serial, status.Green,
		"answers at "+info.Address+" with firmware "+info.Firmware.String(), "")
}

// away reports a gateway that cannot be talked to. During the nightly stall
// and its usual restarts that is only a worry.
func (c *Collector) away(err error, since time.Duration) {
	if errors.Is(err, context.Canceled) {
		return
	}
	state := status.Red
	if fault.Is(err, fault.Transient) && (since < alarmAfter || quiet(time.Now(), c.Zone())) {
		state = status.Yellow
	}
	c.cfg.Board.Set("gateway/"+c.cfg.Serial, state, err.Error(), fault.Mend(err))
}
