package derive

import (
	"math"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

const (
	// evidenceTime and evidenceSamples are the least over which a CT's counter
	// is compared with its power. It is shorter than the ledger's patience with
	// a counter that runs ahead of what the hardware can do.
	evidenceTime    = 10 * time.Second
	evidenceSamples = 3
	// evidenceSlack is how far the two may be apart, as a part of the energy.
	evidenceSlack = 0.2
)

// evidence is what the production CT has shown that flows through it, which
// third-party PV behind it makes more than the microinverters can do (fact
// sheet 5.2: 5305 W on 8.3.5167, 3554 W of them from inverters). Its counter
// proves its power and the other way round: over a while both must tell of the
// same energy. A counter that jumps and a power that spikes do not.
type evidence struct {
	shownW float64 // the highest mean power that both told of
	judged bool    // a while has passed

	first, last proof
	samples     int
	areaWh      float64 // by power, since first
}

// proof is one sample of power and counter.
type proof struct {
	at    time.Time
	w, wh float64
}

// see takes a sample in.
func (e *evidence) see(at time.Time, power, counter reading.Value) {
	w, known := power.Get()
	wh, counted := counter.Get()
	next := proof{at, w, wh}
	switch {
	case at.Equal(e.last.at):
		return
	case !known || !counted:
		e.last = proof{}
		return
	case e.last.at.IsZero() || at.Before(e.last.at):
		e.begin(next)
		return
	}
	hours := at.Sub(e.last.at).Hours()
	e.areaWh += hours * (w + e.last.w) / 2
	e.samples++
	e.last = next
	if since := at.Sub(e.first.at); e.samples >= evidenceSamples && since >= evidenceTime {
		e.judged = true
		if rise := wh - e.first.wh; math.Abs(rise-e.areaWh) <= evidenceSlack*e.areaWh {
			e.shownW = min(max(e.shownW, rise/since.Hours()), gridMaxW)
		}
		e.begin(next)
	}
}

func (e *evidence) begin(p proof) { e.first, e.last, e.samples, e.areaWh = p, p, 1, 0 }

// seeProduction takes in what the production CTs say at this moment.
func (v *view) seeProduction() {
	c, ok := v.cts[answer.KindProduction]
	if !ok {
		return
	}
	if other, found := v.cts[answer.KindPV3P]; found {
		c.powerW, c.delivered = reading.Sum(c.powerW, other.powerW), reading.Sum(c.delivered, other.delivered)
	}
	v.s.evidence.see(c.at, c.powerW, c.delivered)
}

// exported is what leaves through the net CT, in W: so much is made here. It
// is the evidence until the production CT's own counter has told.
func (e *evidence) exported(net ctValues) float64 {
	if e.judged {
		return 0
	}
	return max(0, -net.powerW.Or(0))
}
