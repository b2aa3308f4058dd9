package counters_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
)

// An endpoint that repeats an old answer makes no new point and grows stale;
// Home Assistant sees the age.
func TestRepeatedAnswersGrowStale(t *testing.T) {
	live(t, options{Sim: sim.Config{Preset: sim.Metered}}, func(w *world) {
		w.pass(2 * time.Minute)
		m := w.mark()
		frozen := time.Now()
		w.sim.Fault(fault.Freeze, fault.Options{For: 10 * time.Minute})
		w.pass(5 * time.Minute)
		if n := w.newTimes(frozen.Add(2 * time.Second)); n != 0 {
			t.Errorf("%d new measurements while every answer was an old one", n)
		}
		for _, p := range w.db.points("enphase_power") {
			if at := time.UnixMilli(p.ms); at.After(frozen.Add(2 * time.Second)) {
				t.Errorf("the database has a point of %v", at)
			}
		}
		if s, _ := w.heard.find("122333444555/status"); s.payload != "offline" {
			t.Errorf("the gateway's status is %q", s.payload)
		}
		var state struct {
			LastReading time.Time `json:"last_reading"`
		}
		msg, _ := w.heard.find("122333444555/state")
		if err := json.Unmarshal([]byte(msg.payload), &state); err != nil || state.LastReading.Sub(frozen).Abs() > 3*time.Second {
			t.Errorf("last_reading is %v (%v), the last one was of %v", state.LastReading, err, frozen)
		}
		w.pass(8 * time.Minute)
		if s, _ := w.heard.find("122333444555/status"); s.payload != "online" {
			t.Errorf("the gateway's status is %q after its return", s.payload)
		}
		w.counts(m, 0.1, 0, allOfAMeteredHouse...)
	})
}

// A live stream that lapsed is asked for again, at most each five minutes.
func TestLapsedLiveStreamIsEnabledAtAGentlePace(t *testing.T) {
	for name, refused := range map[string]bool{"that lapses each quarter of an hour": false, "that is never enabled": true} {
		t.Run(name, func(t *testing.T) {
			live(t, options{Sim: sim.Config{}, Config: "poll: {live: 5s}"}, func(w *world) {
				if refused {
					w.edit.objects("/ivp/livedata/status", func(o object) {
						if _, ok := o["sc_stream"]; ok {
							o["sc_stream"] = "disabled"
						}
					})
				}
				w.pass(time.Hour)
				n, least, most := w.sim.Gateway.Traffic().Requests["POST /ivp/livedata/stream"], 3, 6
				if refused {
					least, most = 10, 12
				}
				if n < least || n > most {
					t.Errorf("the stream was asked for %d times in an hour, want %d to %d", n, least, most)
				}
			})
		})
	}
}

// An inverter that is silent since sunset keeps its value's own time and makes
// no new point; nobody says 0 W who did not measure it.
func TestSunset(t *testing.T) {
	begin := time.Date(2026, 6, 21, 18, 30, 0, 0, time.UTC)
	cfg := sim.Config{Preset: sim.Standard83, Home: home.Config{Report: 5 * time.Minute}}
	live(t, options{Sim: cfg, Begin: begin}, func(w *world) {
		w.pass(15 * time.Minute)
		from, before := w.produced(), w.madeByInverters()
		w.pass(3*time.Hour + 30*time.Minute)
		last := map[string]time.Time{}
		for _, inv := range w.sim.Home.State(time.Now()).Inverters {
			last[inv.Serial] = inv.Reported
			if time.Since(inv.Reported) < time.Hour {
				t.Fatalf("inverter %s still reports: the story does not play", inv.Serial)
			}
		}
		for serial, at := range last {
			msg, ok := w.heard.find("inverter/" + serial)
			one := reading.Inverter{}
			if err := json.Unmarshal([]byte(msg.payload), &one); err != nil || !ok || !one.Time.Equal(at) {
				t.Errorf("inverter %s is said to have reported at %v, it did at %v: %v", serial, one.Time, at, err)
			}
		}
		for _, p := range w.db.points("enphase_inverter") {
			_, serial, _ := strings.Cut(p.series, "serial=")
			if at := time.UnixMilli(p.ms); at.After(last[serial]) {
				t.Errorf("a point of %v for %s, whose last report was at %v", at, serial, last[serial])
			}
		}
		w.rose(from, before, 20) // four inverters report in the minute before we look, some 4 Wh each
		for _, m := range w.heard.since(begin, "/power") {
			if p := decode[powerMessage](t, m); p.ProductionW.Known() && p.ProductionW.Or(1) == 0 {
				t.Errorf("0 W is said of %v, which nobody measured", p.Time)
			}
		}
	})
}
