package collect

import (
	"context"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// How long power counts as fresh after its last new measurement.
const (
	freshMetered   = 30 * time.Second
	freshPolls     = 5                // or that many polls, when they are slow
	freshInverters = 45 * time.Minute // microinverters report each 5 to 15 minutes
	// clockSlack is how far the gateway's clock may be off without being
	// corrected, so a measurement may look that much older than it is.
	clockSlack = 30 * time.Second
)

// watch looks each second whether power is still fresh, and says once a minute
// and once an hour how it goes. It runs beside the polls because a poll may
// hang for as long as its timeout.
func (c *Collector) watch(ctx context.Context) {
	name := "watch/" + c.cfg.Serial
	defer c.cfg.Board.Done(name)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	minute, hour := time.Now().Add(time.Minute), time.Now().Add(time.Hour)
	for {
		c.cfg.Board.Beat(name, time.Minute)
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c.checkFresh(now)
			if now.After(minute) {
				minute = now.Add(time.Minute)
				c.reportMinute(now)
			}
			if now.After(hour) {
				hour = now.Add(time.Hour)
				c.reportHour()
			}
		}
	}
}

// checkFresh publishes the last reading once more, as stale, when its power
// has grown old; and tells the board, also when the reason changes later.
func (c *Collector) checkFresh(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		return
	}
	if c.last.Quality == reading.Stale {
		c.reportReadings(c.last)
		return
	}
	if now.Sub(c.renewed) <= c.window {
		return
	}
	old := *c.last
	old.Quality = reading.Stale
	c.last = &old
	c.cfg.Hub.Publish(&old)
	c.reportReadings(&old)
}

// reportReadings tells the board whether measurements arrive. Microinverters
// sleep at night: that they are silent is no alarm as long as the gateway
// answers, and such a home is ready.
func (c *Collector) reportReadings(r *reading.Reading) {
	gateway := c.cfg.Board.Get("gateway/" + c.cfg.Serial)
	switch {
	case r.Quality == reading.Good && r.Source != reading.Local:
		c.cfg.Board.Set(c.readingsName(), status.Yellow,
			"the gateway is silent; Enphase's cloud stands in with what was measured at "+r.Time.In(c.zone).Format("15:04:05"), "")
	case r.Quality == reading.Good:
		c.cfg.Board.Set(c.readingsName(), status.Green, "measurements arrive", "")
	case r.Source == reading.Local && c.window >= freshInverters && gateway.State != status.Red && faded(r):
		c.cfg.Board.Set(c.readingsName(), status.Yellow,
			"the microinverters have not reported lately, as at night", "")
	case r.Source == reading.Local && c.window >= freshInverters && gateway.State != status.Red:
		c.cfg.Board.Set(c.readingsName(), status.Red,
			"the gateway answers, but its microinverters fell silent at "+r.Time.In(c.zone).Format("15:04:05")+" while they were producing",
			"Look whether the breaker of the solar panels is on; if it is, restart the gateway.")
	default:
		c.cfg.Board.Set(c.readingsName(), status.Red,
			"no new measurement since "+r.Time.In(c.zone).Format("15:04:05"),
			"See the gateway's own condition; its numbers are shown as old until it answers.")
	}
}

// faint is the part of their best power that microinverters still give when
// they fall asleep at dusk, or in fog and snow.
const faint = 0.1

// faded reports whether the last that the microinverters said was that there
// is hardly any light. Nothing else tells night from a failure: where the house
// stands is not known.
func faded(r *reading.Reading) bool {
	last, best := 0.0, 0.0
	for _, i := range r.Inverters {
		last += i.PowerW.Or(0)
		best += i.MaxPowerW.Or(0)
	}
	return best == 0 || last <= faint*best
}

func (c *Collector) readingsName() string { return "readings/" + c.cfg.Gateway }

func (c *Collector) reportMinute(now time.Time) {
	d := c.stats.endMinute()
	if c.cfg.Backlog != nil {
		d.Backlog = reading.Of(float64(c.cfg.Backlog()))
	}
	if c.cfg.TokenDays != nil {
		d.TokenDays = c.cfg.TokenDays()
	}
	if !c.cfg.Clock.Trusted() {
		return
	}
	_, _ = c.cfg.Keep.Append(reading.Record{
		Tier: reading.TierDaemon,
		Reading: reading.Reading{
			Gateway: c.cfg.Gateway, Serial: c.cfg.Serial, Source: reading.Local, Time: now.Truncate(time.Second),
		},
		Daemon: &d,
	}) // the store reports its own failures
}

func (c *Collector) reportHour() {
	t := c.stats.endHour()
	mean := time.Duration(0)
	if t.polls > 0 {
		mean = t.latency / time.Duration(t.polls)
	}
	c.cfg.Log.Info("the last hour", "serial", c.cfg.Serial,
		"polls", t.polls, "failures", t.failures, "answer", mean.Round(time.Millisecond).String())
}
