package collect

import (
	"context"
	"errors"
	"time"

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
	where := newSearch()
	began := time.Now()
	for {
		tried := c.candidates(where.found)
		info, err := c.try(ctx, tried)
		if err != nil && c.searches() && where.due() {
			c.beat()
			where.run(ctx, c.cfg.Find)
			info, err = c.tryFound(ctx, c.candidates(where.found), tried, err)
		}
		if err == nil {
			c.connected(info)
			return info, true
		}
		err = tellingMore(err, where.err)
		c.missed()
		c.away(err, time.Since(began))
		if c.rest(ctx, pause(err)); ctx.Err() != nil {
			return gateway.Info{}, false
		}
	}
}

// try asks each address in turn and returns the first that lets us in. The
// error that says most is kept: a refused token or a wrong key is news, an
// address where nobody answers is not.
func (c *Collector) try(ctx context.Context, addresses []string) (gateway.Info, error) {
	var worst error = &fault.Error{
		Kind: fault.Transient,
		Op:   "looking for gateway " + c.cfg.Serial,
		Err:  errNowhere,
		Mend: mendNowhere,
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
	if errors.Is(err, gateway.ErrNoToken) && c.tokenComing() {
		c.cfg.Board.Set("gateway/"+c.cfg.Serial, status.Yellow,
			"the gateway answers and waits for its token, which is being fetched from Enphase", "")
		return
	}
	state := status.Red
	if fault.Is(err, fault.Transient) && (since < alarmAfter || quiet(time.Now(), c.Zone())) {
		state = status.Yellow
	}
	c.cfg.Board.Set("gateway/"+c.cfg.Serial, state, err.Error(), fault.Mend(err))
}
