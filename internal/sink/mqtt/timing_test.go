package mqtt

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/reading"
)

func TestPowerGoesOutAtEachNewMeasurementAndIsRepeatedWhileGood(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		t0 := time.Now()
		r.publish(small(t0, 800))
		r.publish(small(t0, 800)) // the same measurement, another part renewed
		r.after(time.Second)
		r.publish(small(t0.Add(time.Second), 810))
		power := to(r.take(), "/power")
		if len(power) != 2 {
			t.Fatalf("%d power messages for two measurements", len(power))
		}
		want := `{"production_w":810,"time":"` + t0.Add(time.Second).UTC().Format(time.RFC3339Nano) + `","source":"local","quality":"good"}`
		if got := string(power[1].payload); got != want {
			t.Errorf("power is %s, want %s", got, want)
		}
		r.after(31 * time.Second)
		if n := len(to(r.take(), "/power")); n != 3 {
			t.Errorf("%d repetitions in 31 s, want 3", n)
		}
		stale := small(t0.Add(time.Second), 810)
		stale.Quality = reading.Stale
		r.publish(stale)
		r.after(time.Minute)
		if n := len(to(r.take(), "/power")); n != 0 {
			t.Errorf("%d power messages while stale", n)
		}
	})
}

func TestPowerKeepsTheConfiguredDistanceByMeasurementTime(t *testing.T) {
	bubble(t, func(c *Config) { c.Interval = 5 * time.Second }, func(t *testing.T, r *rig) {
		r.start()
		t0 := time.Now()
		for i := range 11 {
			r.publish(small(t0.Add(time.Duration(i)*time.Second), float64(i)))
		}
		var got []float64
		for _, s := range to(r.take(), "/power") {
			got = append(got, parsed(t, s.payload)["production_w"].(float64))
		}
		if diff := cmp.Diff([]float64{0, 5, 10}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCloudPowerIsSaidOnceEvenAcrossConnections(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		cloud := small(time.Now(), 700)
		cloud.Source = reading.Enlighten
		r.publish(cloud)
		r.births <- struct{}{}
		r.after(time.Minute)
		if n := len(to(r.take(), "/power")); n != 1 {
			t.Errorf("said %d times, want once", n)
		}
		r.stop()
		r.start()
		r.after(time.Minute)
		all := r.take()
		if n := len(to(all, "/power")); n != 0 {
			t.Errorf("said %d times on the next connection", n)
		}
		last(t, all, home+"/state")
	})
}

func TestAReadingWithoutPowerGivesNoPowerMessage(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		v := small(time.Now(), 0)
		v.Power = reading.Power{}
		r.publish(v)
		r.after(time.Minute)
		if n := len(to(r.take(), "/power")); n != 0 {
			t.Errorf("%d power messages", n)
		}
	})
}

// times lists when messages were sent, in seconds after t0.
func times(all []sent, t0 time.Time) []float64 {
	var s []float64
	for _, m := range all {
		s = append(s, m.at.Sub(t0).Seconds())
	}
	return s
}

func TestSlowTopicsKeepTheirPace(t *testing.T) {
	bubble(t, func(c *Config) { c.HA.Interval = 7 * time.Second }, func(t *testing.T, r *rig) {
		r.start()
		t0 := time.Now()
		for i := range 25 {
			v := large(t0.Add(time.Duration(i) * time.Second))
			v.Energy.ProductionWh = reading.Of(1000 + float64(i))
			v.Inverters[0].Time, v.Inverters[1].Time = t0, t0
			v.Batteries = nil
			r.publish(v)
			r.after(time.Second)
		}
		all := r.take()
		for _, c := range []struct {
			topic string
			want  []float64
		}{
			{home + "/state", []float64{0, 7, 14, 21}},
			{home + "/energy", []float64{0, 10, 20}},
			{home + "/meter/production", []float64{0, 10, 20}},
			{home + "/meter/net-consumption/L2", []float64{0, 10, 20}},
			{home + "/inverter/" + panel, []float64{0}},
			{home + "/storage", []float64{0}},
			{home + "/gateway", []float64{0}},
			{home + "/status", []float64{0}},
			{"/controller/122300000009", []float64{0}},
		} {
			if diff := cmp.Diff(c.want, times(to(all, c.topic), t0)); diff != "" {
				t.Errorf("%s: %s", c.topic, diff)
			}
		}
	})
}

func TestTheLastChangeOfEnergyIsNotLost(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		t0 := time.Now()
		r.publish(small(t0, 800))
		r.after(time.Second)
		v := small(t0.Add(time.Second), 800)
		v.Energy.ProductionWh = reading.Of(1243813)
		v.Counted = t0.Add(5 * time.Second)
		r.publish(v)
		r.after(20 * time.Second)
		energy := to(r.take(), "/energy")
		if diff := cmp.Diff([]float64{0, 10}, times(energy, t0)); diff != "" {
			t.Fatal(diff)
		}
		if !strings.Contains(string(energy[1].payload), `"energy":{"production_wh":1243813}`) {
			t.Errorf("energy is %s", energy[1].payload)
		}
		if at := v.Counted.UTC().Format(time.RFC3339Nano); !strings.Contains(string(energy[1].payload), `"time":"`+at) {
			t.Errorf("energy is %s, counted at %s", energy[1].payload, at)
		}
	})
}

func TestBirthIsAnsweredAfterADelayAndOnceInThirtySeconds(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		r.publish(large(time.Now()))
		r.after(40 * time.Second)
		r.take()
		t0 := time.Now()
		for range 3 { // Home Assistant restarts again and again
			r.births <- struct{}{}
			r.after(5 * time.Second)
		}
		r.after(45 * time.Second)
		all := r.take()
		docs := times(to(all, "envoyd_"+home+"/config"), t0)
		if len(docs) < 1 || docs[0] < 1 || docs[0] > 3 {
			t.Fatalf("answered at %v, want once after one to three seconds", docs)
		}
		if len(docs) != 2 || math.Round((docs[1]-docs[0])*1e6) != 30e6 {
			t.Errorf("answered at %v, want the second time after 30 s", docs)
		}
		config := slices.Index(topicsOf(all), "homeassistant/device/envoyd_"+home+"/config")
		status := slices.Index(topicsOf(all), "envoyd/"+home+"/status")
		state := slices.Index(topicsOf(all[config:]), "envoyd/"+home+"/state") + config
		if config >= status || status >= state {
			t.Errorf("order is config %d, status %d, state %d", config, status, state)
		}
	})
}

func TestStatusTellsWhetherPowerIsFresh(t *testing.T) {
	bubble(t, func(c *Config) { c.Gateways = func() []string { return []string{home} } }, func(t *testing.T, r *rig) {
		r.start()
		says := func(want string) {
			t.Helper()
			m := last(t, r.take(), home+"/status")
			if string(m.payload) != want || m.qos != 1 {
				t.Errorf("status is %s at QoS %d, want %s at 1", m.payload, m.qos, want)
			}
		}
		says(offline) // before the first reading
		v := small(time.Now(), 1)
		r.publish(v)
		says(online)
		stale := *v
		stale.Quality = reading.Stale
		r.publish(&stale)
		says(offline)
		r.publish(small(time.Now(), 2))
		says(online)
		r.after(goodFor) // nobody says anything any more
		says(offline)
	})
}

func TestAMuteBrokerHoldsUpNoPowerAndIsGivenUp(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		r.publish(large(time.Now()))
		r.take()
		r.silence(true)
		v := large(time.Now().Add(time.Second))
		for i := range 100 {
			v.Inverters = append(v.Inverters, reading.Inverter{Serial: "9" + strings.Repeat("0", 8) + string(rune('0'+i/10)) + string(rune('0'+i%10)), PowerW: reading.Of(1)})
		}
		r.publish(v)
		for i := range 20 {
			r.after(time.Second)
			r.publish(large(v.Time.Add(time.Duration(i+1) * time.Second)))
		}
		all := r.take()
		if n := len(to(all, "/power")); n != 21 {
			t.Errorf("%d power messages in 21 measurements", n)
		}
		slow := 0
		for _, s := range all {
			slow += int(s.qos)
		}
		if slow != maxInFlight {
			t.Errorf("%d messages at QoS 1 are unacknowledged, want %d", slow, maxInFlight)
		}
		r.after(10 * time.Second)
		if err := <-r.ended; !errors.Is(err, errMute) {
			t.Errorf("the session ended with %v", err)
		}
		r.ended <- nil
	})
}

func TestTheFirstReadingDoesNotWait(t *testing.T) {
	bubble(t, func(c *Config) { c.Gateways = func() []string { return []string{home} } }, func(t *testing.T, r *rig) {
		r.start()
		r.after(3 * time.Second)
		r.publish(small(time.Now(), 1))
		last(t, r.take(), home+"/state")
	})
}

func TestGoodbyeIsSaidForEachGatewayThatWasOnline(t *testing.T) {
	const other = "122000000009"
	for name, tt := range map[string]struct {
		mute bool
		took time.Duration
	}{
		"a broker that listens":    {},
		"one that does not answer": {mute: true, took: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(c *Config) { c.Gateways = func() []string { return []string{home, other} } }, func(t *testing.T, r *rig) {
				s := newSession(r.p, r.send, events{})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- s.run(ctx) }()
				synctest.Wait()
				r.publish(small(time.Now(), 1))
				cancel()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				r.take()
				r.silence(tt.mute)
				begun := time.Now()
				s.goodbye(t.Context(), r.p.limits.goodbye)
				if took := time.Since(begun); took != tt.took {
					t.Errorf("it took %s", took)
				}
				all := r.take()
				if d := cmp.Diff([]string{"envoyd/" + home + "/status", "envoyd/status"}, topicsOf(all)); d != "" {
					t.Error(d) // the other one is offline already
				}
				for _, m := range all {
					if string(m.payload) != offline || m.qos != 1 {
						t.Errorf("%s says %s at QoS %d", m.topic, m.payload, m.qos)
					}
				}
			})
		})
	}
}
