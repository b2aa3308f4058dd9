package counters_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
)

// slow lets a daemon poll at leisure, for stories of days.
const slow = `poll: {meters: 20s, batteries: 1m, inverters: 5m, status: 1h}`

// atMidnight is by how many Wh a day may begin wrongly at that pace. The
// simulated house drops some 3.6 kW at midnight: where in the 20 s between two
// polls that happens is not known, which makes a quarter of 3.6 kW × 20 s at
// worst.
const atMidnight = 5.5

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// today compares today's figures with what flowed since midnight, at the
// subscriber.
func (w *world) today(midnight home.Truth, slack float64, flows ...reading.Flow) {
	w.t.Helper()
	msg, _ := w.heard.find("/energy")
	now := decode[energyMessage](w.t, msg)
	for _, f := range flows {
		want, got := of(msg.truth, f)-of(midnight, f), now.Today.At(f).Or(math.NaN())
		if !(math.Abs(got-want) <= max(slack, 0.005*want)) {
			w.t.Errorf("%s: %s today is %.1f Wh, in truth %.1f", now.Time.In(w.sim.Home.Config().Zone), f, got, want)
		}
	}
}

var allOfAMeteredHouse = []reading.Flow{reading.Production, reading.Consumption, reading.Import, reading.Export}

// Mechanism e: the day is the gateway's, whatever zone the host is in (see
// TestMain), on days of 23, 24 and 25 hours.
func TestTheDayIsTheGatewaysOwn(t *testing.T) {
	for name, at := range map[string][3]int{"spring": {3, 28, 23}, "autumn": {10, 24, 25}} {
		t.Run(name, func(t *testing.T) {
			berlin := zone(t, "Europe/Berlin")
			begin := time.Date(2026, time.Month(at[0]), at[1], 23, 40, 0, 0, berlin)
			cfg := sim.Config{Preset: sim.Metered, Home: home.Config{Zone: berlin}}
			live(t, options{Sim: cfg, Begin: begin, Config: slow}, func(w *world) {
				w.pass(10 * time.Minute)
				w.noToday()
				midnight := time.Date(2026, time.Month(at[0]), at[1]+1, 0, 0, 0, 0, berlin)
				next := time.Date(2026, time.Month(at[0]), at[1]+2, 0, 0, 0, 0, berlin)
				if hours := next.Sub(midnight).Hours(); hours != float64(at[2]) {
					t.Fatalf("the day has %v hours: the story does not play", hours)
				}
				w.until(midnight)
				truth := w.sim.Truth(midnight)
				w.pass(10 * time.Minute)
				w.away(midnight.Add(100 * time.Minute))
				w.pass(90 * time.Minute) // over the change of the clock
				w.today(truth, atMidnight, allOfAMeteredHouse...)
				w.away(next.Add(-15 * time.Minute))
				w.until(next.Add(-time.Minute))
				w.today(truth, atMidnight, allOfAMeteredHouse...)
				w.until(next)
				truth = w.sim.Truth(next)
				w.pass(10 * time.Minute)
				w.today(truth, atMidnight, allOfAMeteredHouse...)
				w.honest()
			})
		})
	}
}

// away is a time without the daemon.
func (w *world) away(until time.Time) {
	w.t.Helper()
	w.halt()
	w.until(until)
	w.start()
}

func (w *world) noToday() {
	w.t.Helper()
	msg, _ := w.heard.find("/energy")
	if e := decode[energyMessage](w.t, msg); e.Today.ProductionWh.Known() {
		w.t.Errorf("today is %v before its midnight was seen", e.Today.ProductionWh)
	}
}

// Mechanism e: the gateway's own `today` resets late, to a non-zero value, or
// not at all. It is not read.
func TestTheGatewaysTodayIsNotRead(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for name, odd := range map[string]string{"to a non-zero value": "41", "not at all": "999999"} {
		t.Run(name, func(t *testing.T) {
			begin := time.Date(2026, 6, 21, 23, 40, 0, 0, berlin)
			cfg := sim.Config{Preset: sim.Standard7, Home: home.Config{Zone: berlin, Report: 5 * time.Minute}}
			live(t, options{Sim: cfg, Begin: begin, Config: slow}, func(w *world) {
				w.edit.objects(pathV1, func(o object) { o["wattHoursToday"], o["wattHoursSevenDays"] = rawNumber(odd), rawNumber(odd) })
				w.pass(40 * time.Minute)
				msg, _ := w.heard.find("/energy")
				if e := decode[energyMessage](t, msg); e.Today.ProductionWh.Or(-1) != 0 {
					t.Errorf("today is %v at one at night", e.Today.ProductionWh)
				}
				before := w.madeByInverters()
				w.away(begin.Add(11 * time.Hour))
				w.pass(20 * time.Minute)
				want := 0.0
				for serial, wh := range w.madeByInverters() {
					want += wh - before[serial]
				}
				msg, _ = w.heard.find("/energy")
				if got := decode[energyMessage](t, msg).Today.ProductionWh.Or(0); math.Abs(got-want) > 450 {
					t.Errorf("today is %.0f Wh, the inverters told of %.0f", got, want)
				}
			})
		})
	}
}

// Mechanism m: the daemon was down. What the counters did meanwhile counts;
// today only where midnight can be told.
func TestDaemonDown(t *testing.T) {
	for name, tt := range map[string]struct {
		begin, down int // hour of the day, hours
		known       bool
	}{
		"for an hour": {10, 1, true}, "over midnight": {21, 4, true}, "for a day": {10, 24, false},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Date(2026, 6, 20, tt.begin, 0, 0, 0, time.UTC)
			midnight := begin.Truncate(24 * time.Hour)
			live(t, options{Sim: sim.Config{Preset: sim.Metered}, Begin: midnight.Add(-10 * time.Minute), Config: slow}, func(w *world) {
				w.until(midnight)
				truth := w.sim.Truth(midnight)
				w.pass(10 * time.Minute)
				w.away(begin.Add(-10 * time.Minute))
				w.until(begin)
				m := w.mark()
				w.halt()
				if next := midnight.Add(24 * time.Hour); begin.Add(time.Duration(tt.down) * time.Hour).After(next) {
					w.until(next)
					truth = w.sim.Truth(next)
				}
				w.until(begin.Add(time.Duration(tt.down) * time.Hour))
				w.start()
				w.pass(30 * time.Minute)
				w.counts(m, 1, 0, allOfAMeteredHouse...)
				msg, _ := w.heard.find("/energy")
				e := decode[energyMessage](t, msg)
				if e.Today.ProductionWh.Known() != tt.known {
					t.Errorf("today is %v, known must be %v", e.Today.ProductionWh, tt.known)
				}
				if tt.known {
					w.today(truth, 1500, reading.Production, reading.Import)
				}
				w.nothingRefused()
			})
		})
	}
}

// Mechanism n: one of the two memories is lost. A CT that was commissioned anew
// makes the counters differ from what was published, so that only a memory can
// know how to go on.
func TestLostMemory(t *testing.T) {
	for name, lost := range map[string][]string{
		"the store":  {"history.db", "history.db-journal", "raw-0000000000000001.seg"},
		"the ledger": {"ledger.json"},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
				w.pass(5 * time.Minute)
				w.sim.Pages.Reset("production")
				w.pass(10 * time.Minute)
				m := w.mark()
				w.halt()
				w.lose(lost...)
				w.start()
				w.pass(15 * time.Minute)
				w.counts(m, 30, 0, reading.Production, reading.Import, reading.Export)
			})
		})
	}
}

// Mechanism o: off-grid, the net CT sees a generator. That is shown, but it is
// neither import nor export.
func TestGeneratorIsNoImport(t *testing.T) {
	live(t, options{Sim: sim.Config{}}, func(w *world) {
		w.edit.becomes("/ivp/ss/gen_config", `{"model":"x","manufacturer":"y","name_plate_rating_wat":14.0}`)
		w.edit.becomes("/ivp/ensemble/generator", `{"admin_state":"closed","oper_state":"closed","admin_mode":1,"present":1,"type":2}`)
		w.halt()
		w.start()
		w.pass(5 * time.Minute)
		m := w.mark()
		w.sim.Home.OffGrid(true)
		w.pass(2 * time.Minute) // until the controller's state was asked
		began, extra := w.mark(), 0.0
		w.edit.objects(pathReadings, func(o object) {
			if numberIn(o, "eid") == eidConsumption {
				extra += 0.9 // Wh an answer: about 3.2 kW
				o["actEnergyDlvd"], o["activePower"], o["apparentPower"] = numberIn(o, "actEnergyDlvd")+extra, 3200.0, 3200.0
			}
		})
		w.pass(20 * time.Minute)
		msg, _ := w.heard.find("/energy")
		now := decode[energyMessage](t, msg)
		if got := now.Energy.ImportWh.Or(0) - began.energy.ImportWh.Or(0); got > 5 || extra < 500 {
			t.Errorf("import rose by %.1f Wh off-grid, the CT by %.0f", got, extra)
		}
		state, _ := w.heard.find("/state")
		if !strings.Contains(state.payload, "off-grid") {
			t.Errorf("the state does not say off-grid: %s", state.payload)
		}
		w.edit.page(pathReadings, nil)
		w.sim.Home.OffGrid(false)
		w.pass(10 * time.Minute)
		w.counts(m, 60, 0, reading.Production, reading.Export)
		w.honest()
	})
}

// lose removes files of the state folder.
func (w *world) lose(names ...string) {
	w.t.Helper()
	found := 0
	for _, name := range names {
		if _, err := os.Stat(w.state(name)); err == nil {
			found++
		}
		if err := os.RemoveAll(w.state(name)); err != nil {
			w.t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(w.state("*")); found == 0 {
		w.t.Fatalf("nothing was lost of %v", left)
	}
}
