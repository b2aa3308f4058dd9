package balance_test

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// firmwares of every class of rules.
var firmwares = []string{"R3.9.36", "R4.10.35", "D5.0.62", "D7.3.130", "D7.6.175", "D8.2.127", "D8.2.4264", "D8.2.4345",
	"D8.3.1598", "D8.3.5289", "D8.3.5433", "D9.0.1"}

// wirings are the CTs of a house.
var wirings = [][]string{
	{}, {production}, {production, net}, {production, total}, {net}, {production, net, storage}, {production, total, storage}, {production, net, pv3p},
}

const (
	production = "production"
	net        = "net-consumption"
	total      = "total-consumption"
	storage    = "storage"
	pv3p       = "pv3p"
)

// positions are the CTs' eids.
var positions = map[string]int{production: 0x2A000100, net: 0x2A000200, total: 0x2A000200, storage: 0x2A000300, pv3p: 0x2A000800}

// reportEvery is how often the inverters report.
const reportEvery = 5 * time.Minute

// Powers of a house at most, in W.
const (
	inverterMaxW = 300.0
	loadMaxW     = 9000.0
	batteryMaxW  = 3000.0
	otherPVW     = 700.0 // with a CT of its own
)

type inverter struct {
	serial   string
	joules   float64 // what it made
	told     float64 // of which it has told
	toldW    float64
	reported time.Time
}

// house is what really is. Counters are in Wh.
type house struct {
	fw        string
	wiring    []string
	disabled  bool // the CTs are there, and none is enabled
	iq        int  // IQ Batteries
	acb       bool
	inverters []inverter
	lacks     map[string]bool // pages it does not have

	now                    time.Time
	madeW, otherW          float64
	loadW, batteryW, soc   float64
	counted                map[string]*[2]float64 // by CT: delivered, received
	made, used             float64
	imported, exported     float64
	charged, discharged    float64
	darkUntil              time.Time // production was 0 until then
	zeros                  bool
	odd, spike             int // the number to write oddly, 0 for none
	oddWord                string
	late                   time.Duration // how old the CTs' times are
	zerosSince, zerosUntil time.Time
}

func newHouse(s *script) *house {
	h := &house{
		fw: firmwares[s.below(len(firmwares))], wiring: wirings[s.below(len(wirings))],
		lacks: map[string]bool{}, counted: map[string]*[2]float64{}, soc: 50,
		now: time.Date(2026, 6, 21, 9, 0, 0, 0, time.UTC).Add(time.Duration(s.below(96)) * 15 * time.Minute),
	}
	kind := s.next()
	h.disabled, h.acb, h.iq = kind&0x0F == 1, kind&0x30 == 0x30, int(kind>>6)%3
	lacks := s.next()
	for i, path := range []string{pathReadings, pathDevices, pathV1, pathPDM, pathPage, pathPower, pathList} {
		h.lacks[path] = lacks&(1<<i) != 0
	}
	h.limit()
	for i := range 2 + s.below(5) {
		h.inverters = append(h.inverters, inverter{serial: fmt.Sprintf("1220000%05d", i), joules: (float64(s.next()) / 200) * (1 << 32), reported: h.now.Truncate(reportEvery)})
		h.inverters[i].told = h.inverters[i].joules
		h.made += h.inverters[i].joules / 3600
	}
	h.imported, h.exported, h.charged, h.discharged = 3e6, 2e6, 5e5, 4e5
	h.used = h.made + h.imported - h.exported
	for _, kind := range h.wiring {
		h.counted[kind] = &[2]float64{}
	}
	h.count(production, h.made, 11)
	h.count(net, h.imported, h.exported)
	h.count(total, h.used, 0)
	h.count(storage, h.discharged, h.charged)
	h.count(pv3p, 4e5, 0)
	h.powers(s.next())
	for i := range h.inverters {
		h.inverters[i].toldW = h.share()
	}
	return h
}

// limit takes away what this firmware cannot have or does not tell of.
func (h *house) limit() {
	if h.fw < "R4" && h.fw > "R" {
		h.wiring, h.acb = nil, false
	}
	if h.fw > "R" {
		h.iq = 0
	}
	h.acb = h.acb && !h.lacks[pathPage]
	if slices.Contains(h.wiring, storage) && h.iq == 0 && !h.acb {
		h.wiring = h.wiring[:2]
	}
}

// share is what one inverter makes.
func (h *house) share() float64 { return h.madeW / float64(len(h.inverters)) }

func (h *house) count(kind string, delivered, received float64) {
	if c := h.counted[kind]; c != nil {
		c[0], c[1] = c[0]+delivered, c[1]+received
	}
}

func (h *house) has(kind string) bool { return slices.Contains(h.wiring, kind) && !h.disabled }

func (h *house) hasBattery() bool { return h.iq > 0 || h.acb }

// powers sets what is made, used and stored by a byte.
func (h *house) powers(b byte) {
	h.madeW = float64(b%8) / 7 * inverterMaxW * float64(len(h.inverters))
	if h.madeW == 0 {
		h.darkUntil = h.now
	}
	h.loadW = 100 + float64(b>>3%8)/7*(loadMaxW-100)
	h.otherW, h.batteryW = 0, 0
	if slices.Contains(h.wiring, pv3p) {
		h.otherW = otherPVW * float64(b%2)
	}
	if h.hasBattery() {
		h.batteryW = (float64(b>>6) - 1.5) / 1.5 * batteryMaxW
	}
}

func (h *house) gridW() float64 { return h.loadW - h.madeW - h.otherW - h.batteryW }

// pass lets time pass with constant powers.
func (h *house) pass(d time.Duration) {
	hours := d.Hours()
	h.now = h.now.Add(d)
	if h.madeW == 0 {
		h.darkUntil = h.now
	}
	each := h.share()
	for i := range h.inverters {
		inv := &h.inverters[i]
		inv.joules += each * d.Seconds()
		if at := h.now.Truncate(reportEvery); at.After(inv.reported) {
			inv.reported, inv.told, inv.toldW = at, inv.joules, each
		}
	}
	in := func(w float64) float64 { return max(0, w) * hours }
	h.made += (h.madeW + h.otherW) * hours
	h.used += h.loadW * hours
	h.imported, h.exported = h.imported+in(h.gridW()), h.exported+in(-h.gridW())
	h.charged, h.discharged = h.charged+in(-h.batteryW), h.discharged+in(h.batteryW)
	h.count(production, in(h.madeW), 0)
	h.count(pv3p, in(h.otherW), 0)
	h.count(net, in(h.gridW()), in(-h.gridW()))
	h.count(total, in(h.loadW), 0)
	h.count(storage, in(h.batteryW), in(-h.batteryW))
	h.soc = math.Min(95, math.Max(15, h.soc-h.batteryW*hours/100))
}
