package cloud

import (
	"math"
	"time"

	"envoyd/internal/sim/home"
)

// memory is for how long home.Truth knows every second, with a margin.
const memory = 100 * time.Minute

// remembered says whether home.Truth knows the second of t.
func (c *Cloud) remembered(t, now time.Time) bool {
	return now.Sub(t) <= memory && !t.Before(c.cfg.Home.Config().Start)
}

// Silence makes the gateway report nothing more, as one without Internet; when
// it ends, what the gateway kept comes at once.
func (c *Cloud) Silence(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !on:
		c.silent = time.Time{}
	case c.silent.IsZero():
		c.silent = time.Now()
	}
}

// reported is up to when the gateway's data can be had now.
func (c *Cloud) reported(now time.Time) time.Time {
	c.mu.Lock()
	silent := c.silent
	c.mu.Unlock()
	at := now.Add(-c.cfg.Delay)
	if !silent.IsZero() && silent.Before(at) {
		at = silent
	}
	return at.Truncate(max(time.Second, c.cfg.Upload))
}

// zone is where the system is.
func (c *Cloud) zone() *time.Location { return c.cfg.Home.Config().Zone }

// midnight is the beginning of the local day of t.
func (c *Cloud) midnight(t time.Time) time.Time {
	y, m, d := t.In(c.zone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.zone())
}

// at is what was counted at a moment: to the second when it is not long ago,
// else at the end of the interval before.
func (c *Cloud) at(t, now time.Time) home.Mark {
	if t.Truncate(home.Grain).Equal(t) || !c.remembered(t, now) {
		t = t.Truncate(home.Grain)
		if began := c.cfg.Home.Commissioned(); t.Before(began) {
			t = began
		}
		if marks := c.cfg.Home.Marks(t, t); len(marks) == 1 {
			return marks[0]
		}
	}
	truth := c.cfg.Home.Truth(t)
	n := truth.Counters
	return home.Mark{Time: truth.Time, SoCPct: truth.SoCPct, Totals: home.Totals{
		ProductionWh: n.ProductionWh, StandbyWh: n.StandbyWh, ImportWh: n.ImportWh, ExportWh: n.ExportWh,
		ChargeWh: n.ChargeWh, DischargeWh: n.DischargeWh, ConsumptionWh: n.ConsumptionWh,
	}}
}

// flow is the power that was last reported in W: of that second, or the mean
// of the last interval when it is long ago.
func (c *Cloud) flow(known, now time.Time) home.Flow {
	if c.remembered(known, now) {
		return c.cfg.Home.Truth(known).Flow
	}
	end := known.Truncate(home.Grain)
	a, b := c.at(end.Add(-home.Grain), now), c.at(end, now)
	w := func(of pick) float64 { return (of(b.Totals) - of(a.Totals)) / home.Grain.Hours() }
	return home.Flow{
		ProductionW:  w(func(t home.Totals) float64 { return t.ProductionWh - t.StandbyWh }),
		ConsumptionW: w(func(t home.Totals) float64 { return t.ConsumptionWh }),
		GridW:        w(func(t home.Totals) float64 { return t.ImportWh - t.ExportWh }),
		BatteryW:     w(func(t home.Totals) float64 { return t.DischargeWh - t.ChargeWh }),
	}
}

// pick takes one quantity out of the counters.
type pick func(home.Totals) float64

func produced(t home.Totals) float64   { return t.ProductionWh }
func imported(t home.Totals) float64   { return t.ImportWh }
func exported(t home.Totals) float64   { return t.ExportWh }
func charged(t home.Totals) float64    { return t.ChargeWh }
func discharged(t home.Totals) float64 { return t.DischargeWh }

// consumed is what the consumption meter counts: with a net CT production and grid
// together, which is not the house when there are batteries.
func (c *Cloud) consumed(t home.Totals) float64 {
	if c.cfg.Consumption == Net {
		return t.ProductionWh - t.StandbyWh + t.ImportWh - t.ExportWh
	}
	return t.ConsumptionWh
}

// wh is the energy between two marks in whole Wh, such that the parts of a day
// add up to the day.
func wh(of pick, a, b home.Mark) int64 {
	return max(0, int64(math.Round(of(b.Totals)))-int64(math.Round(of(a.Totals))))
}

// batteries counts them.
func (c *Cloud) batteries() int {
	return c.cfg.Home.Config().Batteries + c.cfg.Home.Config().ACBatteries
}

// meta is what most series carry along.
func (c *Cloud) meta(q *query) map[string]any {
	status := "normal"
	if q.now.Sub(q.known) > time.Hour+c.cfg.Upload+c.cfg.Delay {
		status = "comm"
	}
	return map[string]any{
		"status": status, "last_report_at": q.known.Unix(), "last_energy_at": q.known.Truncate(home.Grain).Unix(),
		"operational_at": c.cfg.Home.Commissioned().Unix(),
	}
}
