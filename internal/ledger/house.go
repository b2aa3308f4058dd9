package ledger

import (
	"log/slog"
	"math"
	"strings"

	"envoyd/internal/reading"
)

// house is one installation.
type house struct {
	serial   string
	counters map[string]*counter
	flows    [6]flow // in the order of reading.Flows
	at       int64   // of the last input
	// zeroSince is since when a gateway that is new to us gives only zeros.
	zeroSince int64
	credited  []credited // what was missed and counted since, the newest last

	tick      uint64
	day       day
	estimated estimates
}

func newHouse() *house { return &house{counters: map[string]*counter{}} }

// apply counts one input.
func (h *house) apply(in Input, l *Ledger) (out Outcome) {
	at := in.Time.UnixMilli()
	if at < earliest || at > latest || h.at-at > 0 && h.at-at <= clockSlack {
		h.publish(in, &out)
		return out
	}
	if at < h.at {
		h.setBack(at)
		l.log.Warn("clock was set back", slog.String("gateway", in.Gateway), slog.Time("to", in.Time))
	}
	h.at = at
	h.tick++
	if in.Serial != h.serial {
		out.Event = h.newHardware(in, l.log)
	}
	h.match(in, &out, l.log)
	h.takeAll(in, &out, l)
	out.Hold = h.holds(in.Accounts)
	if !out.Hold {
		h.settle(in.Accounts, &out, in, l)
	}
	h.publish(in, &out)
	return out
}

// newHardware starts every counter anew: the installation goes on with
// another gateway. It reports whether there was one before.
func (h *house) newHardware(in Input, log *slog.Logger) bool {
	before := h.serial
	h.serial = in.Serial
	if before == "" {
		return false
	}
	h.counters = map[string]*counter{}
	h.zeroSince = 0
	for i := range h.flows {
		f := &h.flows[i]
		f.Terms, f.Power = nil, power{}
	}
	log.Info("hardware changed, counters go on from a new level",
		slog.String("gateway", in.Gateway), slog.String("before", before), slog.String("serial", in.Serial))
	return true
}

// match binds the accounts' terms to counters.
func (h *house) match(in Input, out *Outcome, log *slog.Logger) {
	for i := range in.Accounts {
		a := &in.Accounts[i]
		if f := h.flow(a.Flow); f != nil && f.match(h, a.Terms) {
			out.Event = true
			log.Info("flow's source changed, it goes on from there",
				slog.String("gateway", in.Gateway), slog.String("flow", string(a.Flow)), slog.Int("counters", len(a.Terms)))
		}
	}
	if len(h.counters) > maxCounters {
		h.prune()
	}
}

// markUsed notes which counters are part of a flow; others are not judged.
func (h *house) markUsed() {
	for _, c := range h.counters {
		c.used = false
	}
	for i := range h.flows {
		for _, t := range h.flows[i].Terms {
			if t.counter != nil {
				t.counter.used = true
			}
		}
	}
}

// prune forgets the counters that are not used.
func (h *house) prune() {
	for name, c := range h.counters {
		if !c.used {
			delete(h.counters, name)
		}
	}
}

// bind finds what a term names.
func (h *house) bind(t *term) {
	for i, f := range reading.Flows() {
		if t.Name == reading.Integral(f) {
			t.flow = &h.flows[i]
			return
		}
	}
	c, ok := h.counters[t.Name]
	if !ok {
		c = &counter{}
		h.counters[t.Name] = c
	}
	t.counter = c
}

// flow finds the flow of an account, nil for an unknown one.
func (h *house) flow(name reading.Flow) *flow {
	for i, f := range reading.Flows() {
		if f == name {
			return &h.flows[i]
		}
	}
	return nil
}

// takeAll judges the counters that some account is made of.
func (h *house) takeAll(in Input, out *Outcome, l *Ledger) {
	waiting := h.onlyZeros(in.Counters)
	restarted := false
	for i := range in.Counters {
		raw := &in.Counters[i]
		c, ok := h.counters[raw.Name]
		if !ok || !c.used || c.tick == h.tick || !c.known() && waiting[sourceOf(raw.Name)] {
			continue
		}
		c.tick, c.Seen = h.tick, h.at
		s := h.sample(c, raw, in.Firmware)
		c.maxW, c.stepWh = s.maxW, s.stepWh
		c.verdict = c.take(s)
		restarted = restarted || c.verdict.event == eventRestart
		h.note(in, raw.Name, c.verdict, out, l)
	}
	if restarted {
		h.restartOthers(in, out, l)
	}
}

func (h *house) sample(c *counter, raw *reading.Counter, firmware string) sample {
	s := sample{wh: raw.Wh, at: h.at, maxW: positive(raw.MaxW, unknownMaxW), wrapWh: positive(raw.WrapWh, 0),
		stepWh: positive(raw.StepWh, 0), burstWh: positive(raw.BurstWh, 0), balance: raw.Balance, firmware: firmware}
	at := raw.Time.UnixMilli()
	// a meter that has just started may have no time either: its zero is judged
	if zero := raw.Wh == 0 && at <= c.At; at > earliest && at < h.at && !zero {
		s.at = at
	}
	return s
}

// positive returns n, or fallback where that says nothing.
func positive(n, fallback float64) float64 {
	if n > 0 && n < absurdWh {
		return n
	}
	return fallback
}

// onlyZeros finds the sources ("ct" of "ct/production/delivered") that are new
// to us and give nothing but zeros, as a gateway does that has just started:
// these must not become the level that its real counters jump from. Each
// source is another part of the gateway, and they do not start together. Zeros
// that last are true: nothing was ever counted.
func (h *house) onlyZeros(counters []reading.Counter) map[string]bool {
	var waiting map[string]bool
	for i := range counters {
		if c, ok := h.counters[counters[i].Name]; ok && c.used && !c.known() && counters[i].Wh == 0 {
			if waiting == nil {
				waiting = map[string]bool{}
			}
			waiting[sourceOf(counters[i].Name)] = true
		}
	}
	for i := range counters {
		if c, ok := h.counters[counters[i].Name]; ok && c.used && (c.known() || counters[i].Wh != 0) {
			delete(waiting, sourceOf(counters[i].Name))
		}
	}
	switch {
	case len(waiting) == 0:
		h.zeroSince = 0
	case h.zeroSince == 0 || h.zeroSince > h.at:
		h.zeroSince = h.at
	case h.at-h.zeroSince >= zeroPatience:
		return nil
	}
	return waiting
}

func sourceOf(counter string) string {
	source, _, _ := strings.Cut(counter, "/")
	return source
}

// restartOthers believes the other zeros of an answer in which one counter has
// been seen to start over: a CT that is commissioned anew loses all its
// counters, and some stand still until the sun rises.
func (h *house) restartOthers(in Input, out *Outcome, l *Ledger) {
	for name, c := range h.counters {
		if t := c.Trial; c.tick == h.tick && t != nil && t.Zero && t.Count >= confirmations {
			s := sample{wh: t.Wh, at: t.At, maxW: c.maxW, wrapWh: c.Wrap, firmware: c.Firmware}
			c.verdict = verdict{event: c.newEpoch(s)}
			h.note(in, name, c.verdict, out, l)
		}
	}
}

// note reports what was made of a counter's value.
func (h *house) note(in Input, name string, v verdict, out *Outcome, l *Ledger) {
	if v.reason != "" {
		r := Refusal{Gateway: in.Gateway, Counter: name, Reason: v.reason, Value: v.value, Limit: v.limit, Time: in.Time}
		out.Refused = append(out.Refused, r)
		l.refused.add(l.log, r)
	}
	if v.event != "" {
		out.Event = true
		l.log.Info("counter's level settled", slog.String("gateway", in.Gateway),
			slog.String("counter", name), slog.String("outcome", v.event))
	}
}

// holds reports whether the answer is that of a gateway whose counters fell to
// zero. Of a sum of devices all must have: one microinverter is not the
// gateway.
func (h *house) holds(accounts []reading.Account) bool {
	for i := range accounts {
		f := h.flow(accounts[i].Flow)
		if f == nil {
			continue
		}
		zero, present := 0, 0
		for j := range f.Terms {
			if c := f.Terms[j].counter; c != nil && c.tick == h.tick {
				present++
				if c.verdict.zero {
					zero++
				}
			}
		}
		if zero > 0 && (zero == present || f.mixed()) {
			return true
		}
	}
	return false
}

// settle counts the flows: the integrated ones first, others are made of them.
func (h *house) settle(accounts []reading.Account, out *Outcome, in Input, l *Ledger) {
	for _, integrated := range [2]bool{true, false} {
		for i := range accounts {
			a := accounts[i]
			f := h.flow(a.Flow)
			if f == nil || (len(a.Terms) == 0) != integrated {
				continue
			}
			if w := a.PowerW.Or(0); math.Abs(w) > unknownMaxW {
				h.note(in, string(a.Flow)+" power", verdict{reason: ReasonPower, value: w, limit: unknownMaxW}, out, l)
				a.PowerW = reading.Value{}
			}
			f.settle(&a, h.at, h.tick, in.Awaited)
		}
	}
}

// setBack follows a clock that was set back to at. Marks of the time to come
// again are replaced when it does.
func (h *house) setBack(at int64) {
	for _, c := range h.counters {
		c.setBack(at)
	}
	for i := range h.flows {
		f := &h.flows[i]
		f.At = min(f.At, at)
		f.Power = power{}
	}
	h.zeroSince = min(h.zeroSince, at)
}

func (h *house) lastAt() int64 {
	last := int64(0)
	for i := range h.flows {
		last = max(last, h.flows[i].At)
	}
	return last
}

// publish fills in what may be seen of the flows that have an account.
func (h *house) publish(in Input, out *Outcome) {
	known := in.Zone != nil && in.Time.UnixMilli() >= earliest && in.Time.UnixMilli() <= latest
	if known {
		h.day = h.day.hold(in.Time, in.Zone)
	}
	set := estimateSet(0)
	for i, name := range reading.Flows() {
		f := &h.flows[i]
		if !f.Born || !hasAccount(in.Accounts, name) {
			continue
		}
		*out.Energy.At(name) = reading.Of(f.Published)
		set.add(i, f.Estimated)
		if !known || f.Power.At == 0 && f.stepWh() > fineWh {
			continue
		}
		if m, ok := f.Marks.at(h.day.start); ok {
			*out.Today.At(name) = reading.Of(max(0, f.Published-m.Wh))
			set.add(i+len(h.flows), f.Estimated || m.Rough)
		}
	}
	out.Estimated = h.estimated.list(set)
}

func hasAccount(accounts []reading.Account, name reading.Flow) bool {
	for i := range accounts {
		if accounts[i].Flow == name {
			return true
		}
	}
	return false
}
