package balance_test

import (
	"slices"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/ledger"
)

// script is a string of bytes that is read from the front; at its end it gives
// zeros.
type script struct{ rest []byte }

func (s *script) next() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

func (s *script) below(n int) int { return int(s.next()) % n }

// pauses are the times between two rounds of questions.
var pauses = []time.Duration{time.Second, time.Second, 5 * time.Second, 20 * time.Second, time.Minute, time.Minute,
	time.Minute, 5 * time.Minute, 5 * time.Minute, 15 * time.Minute, 40 * time.Minute, 2 * time.Hour, 26 * time.Hour}

// newJoules is what a new inverter has made before it is seen.
const newJoules = 1e7

// odd are numbers that are none.
var odd = []string{`"unknown"`, "4294967292", "NaN", "null", "{}"}

// longestZeros is how long a gateway that has just started counts nothing, and
// restartEvery how often that happens at most.
const (
	longestZeros = 20 * time.Minute
	restartEvery = 3 * time.Hour
)

// play is a life of a house, seen through derive and ledger.
type play struct {
	script   *script
	house    *house
	snapshot *derive.Snapshot
	plan     derive.Plan
	clock    derive.Clock
	ledger   *ledger.Ledger
	answers  map[string]string // newest of each page
	spikes   bool              // a number was too high at some time
	whole    bool              // every page was asked just now, and the gateway counted

	emitted func(r derive.Result, out ledger.Outcome)
}

func newPlay(bytes []byte) *play {
	s := &script{bytes}
	l, err := ledger.Open(ledger.Config{})
	if err != nil {
		panic(err) // it opens no file
	}
	p := &play{script: s, house: newHouse(s), ledger: l, answers: map[string]string{}}
	p.clock.Observe(p.house.now, p.house.now)
	p.probe()
	return p
}

func (p *play) identity() derive.Identity {
	return derive.Identity{Serial: "122333444555", Firmware: p.house.fw, IMeter: len(p.house.wiring) > 0, WebTokens: true}
}

// probe begins a session. Like collect it believes no plan that shows less
// than the one before.
func (p *play) probe() {
	fresh := derive.NewSnapshot(p.identity())
	fresh.Follow(p.snapshot)
	for _, e := range derive.Endpoints(p.identity()) {
		if !e.Worth(fresh) {
			continue
		}
		if body := p.house.page(e.Path); body == "" || fresh.Put(e.Path, []byte(body), p.house.now) != nil {
			fresh.Missing(e.Path)
		}
	}
	plan := derive.MakePlan(fresh)
	for _, of := range []derive.Quantity{derive.Production, derive.Battery, derive.Grid, derive.House, derive.ProductionEnergy} {
		if p.plan.Source(of) != "" && plan.Source(of) == "" {
			return
		}
	}
	p.snapshot, p.plan = fresh, plan
}

// run plays the script to its end, at most so many rounds.
func (p *play) run(rounds int) {
	for range rounds {
		if len(p.script.rest) == 0 {
			return
		}
		p.house.pass(pauses[p.script.below(len(pauses))])
		p.happens(p.script.next())
		mask := p.script.next()
		p.whole = mask%2 == 0 && !p.house.zeros && p.house.odd == 0 && p.house.spike == 0 &&
			p.house.now.Sub(p.house.darkUntil) > 2*reportEvery // what is dark already says nothing
		p.ask(mask)
		p.house.odd, p.house.spike, p.house.late = 0, 0, 0
	}
}

// happens lets something befall the house.
func (p *play) happens(b byte) {
	h, arg := p.house, p.script.next()
	if h.zeros && (b%32 == 1 || h.now.Sub(h.zerosSince) > longestZeros) {
		h.zeros, h.zerosUntil = false, h.now
	}
	switch b % 32 {
	case 0, 1:
		if p.whole && !h.zeros && h.now.Sub(h.zerosUntil) > restartEvery {
			h.zeros, h.zerosSince = true, h.now
		}
	case 2:
		h.odd, h.oddWord = int(arg%64)+1, odd[int(arg/64+b/32)%len(odd)]
	case 3:
		h.spike, p.spikes = int(arg%64)+1, true
	case 4:
		h.late = time.Duration(arg) * time.Second
	case 5: // a CT is commissioned anew
		if len(h.wiring) > 0 {
			*h.counted[h.wiring[int(arg)%len(h.wiring)]] = [2]float64{}
		}
	case 6: // an inverter is taken down, another put up
		if h.zeros {
			return // one that was never seen counting is nobody's loss
		}
		if arg%2 == 0 || len(h.inverters) == 1 {
			h.inverters = append(h.inverters, inverter{serial: "12200009" + string('a'+rune(arg%26)) + string('a'+rune(b/32)), reported: h.now.Truncate(reportEvery), toldW: h.share(), joules: newJoules, told: newJoules})
		}
		h.inverters = h.inverters[1:]
	case 7:
		p.probe()
	case 8, 9, 10, 11:
		h.powers(arg)
	}
}

// ask asks some of the pages, one after the other, and makes a reading after
// each; now and then an answer is the one of before.
func (p *play) ask(mask byte) {
	for i, e := range p.plan.Endpoints() {
		if mask%2 != 0 && mask&(1<<(i%8)) == 0 {
			continue
		}
		body := p.house.page(e.Path)
		if mask == 0x55 && p.answers[e.Path] != "" {
			body = p.answers[e.Path]
		}
		if p.answers[e.Path] = body; p.house.zeros {
			delete(p.answers, e.Path)
		}
		if p.snapshot.Put(e.Path, []byte(body), p.house.now) != nil {
			continue // an answer without one number
		}
		p.emit()
	}
}

// emit does as collect does with each answer.
func (p *play) emit() {
	r := p.plan.Derive(p.snapshot, p.clock, p.house.now)
	if r.Hold || r.ClockDoubt {
		return
	}
	at := r.Reading.Time
	for _, c := range r.Counters {
		if r.Reading.Time.IsZero() && c.Time.After(at) {
			at = c.Time
		}
	}
	if r.Counted.After(at) {
		at = r.Counted
	}
	out := p.ledger.Apply(ledger.Input{Gateway: "122333444555", Serial: "122333444555", Firmware: p.house.fw, Zone: time.UTC,
		Time: at, Counters: r.Counters, Accounts: r.Accounts})
	jumped := slices.ContainsFunc(out.Refused, func(r ledger.Refusal) bool { return r.Reason == ledger.ReasonJumped })
	if out.Hold || jumped {
		return
	}
	r.Reading.Energy, r.Reading.Today = out.Energy, out.Today
	p.emitted(r, out)
}
