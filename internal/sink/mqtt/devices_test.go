package mqtt

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/reading"
)

func TestConnectingSaysOnlineThenDocumentsThenTheRest(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.hub.Publish(large(time.Now()))
		r.silence(true)
		r.start()
		want := []string{"envoyd/status"}
		for _, sn := range []string{home, "122300000001", "122300000002", "122300000009", "122300000010", "122300000011", panel, "122344043198"} {
			want = append(want, "homeassistant/device/envoyd_"+sn+"/config")
		}
		all := r.take()
		if diff := cmp.Diff(want, topicsOf(all)); diff != "" {
			t.Error("before the acknowledgements: " + diff)
		}
		for _, s := range all {
			if s.qos != 1 {
				t.Errorf("%s is sent at QoS %d", s.topic, s.qos)
			}
		}
	})
}

func TestAnnouncedButUnknownIsNullAndTheRestIsAbsent(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		v := small(time.Now(), 800)
		v.Power.GridW = reading.Of(-0.4)
		v.Inverters = []reading.Inverter{{Serial: panel, Time: time.Now(), PowerW: reading.Of(5), TemperatureC: reading.Of(30)}}
		r.publish(v)
		v = small(time.Now().Add(20*time.Second), 810.6)
		v.Inverters = []reading.Inverter{{Serial: panel, Time: time.Now().Add(20 * time.Second), PowerW: reading.Of(6)}}
		r.after(20 * time.Second)
		r.take()
		r.publish(v)
		r.after(20 * time.Second)
		all := r.take()
		want := map[string]any{"production_power": 811.0, "grid_power": nil, "production_energy": 1243.812, "problem": false, "problem_text": "ok", "last_reading": v.Time.UTC().Format(time.RFC3339), "source": "local"}
		if diff := cmp.Diff(want, parsed(t, last(t, all, home+"/state").payload)); diff != "" {
			t.Error(diff)
		}
		want = map[string]any{"serial": panel, "time": v.Time.UTC().Format(time.RFC3339), "power_w": 6.0, "temperature_c": nil}
		if diff := cmp.Diff(want, parsed(t, last(t, all, panel).payload)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestANewKeyIsAnnouncedBeforeItIsSent(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		r.publish(small(time.Now(), 800))
		r.after(15 * time.Second)
		r.take()
		v := small(time.Now(), 800)
		v.Storage.SoCPct = reading.Of(50)
		r.publish(v)
		r.after(15 * time.Second)
		names := topicsOf(r.take())
		config, state := slices.Index(names, "homeassistant/device/envoyd_"+home+"/config"), slices.Index(names, "envoyd/"+home+"/state")
		if config < 0 || config > state {
			t.Errorf("sent in the order %v", names)
		}
	})
}

func TestADeviceThatIsGoneIsEmptiedAndAnEmptyListIsNot(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		r.publish(large(time.Now()))
		r.after(time.Second)
		r.take()
		none := large(time.Now())
		none.Inverters = nil // some firmware, some nights
		for range 60 {
			none.Time = time.Now()
			r.publish(none)
			r.after(time.Minute)
		}
		if empty := emptied(r.take()); len(empty) > 0 {
			t.Fatalf("an empty list emptied %v", empty)
		}
		for range 30 {
			one := large(time.Now())
			one.Inverters = one.Inverters[1:]
			r.publish(one)
			r.after(10 * time.Second)
		}
		all := r.take()
		if diff := cmp.Diff([]string{"envoyd/" + home + "/inverter/" + panel, "homeassistant/device/envoyd_" + panel + "/config"}, emptied(all)); diff != "" {
			t.Error(diff)
		}
		r.publish(large(time.Now())) // it was only away
		r.after(time.Second)
		all = r.take()
		last(t, all, panel+"/config")
		last(t, all, "inverter/"+panel)
	})
}

func emptied(all []sent) []string {
	var names []string
	for _, s := range all {
		if len(s.payload) == 0 {
			names = append(names, s.topic)
		}
	}
	slices.Sort(names)
	return names
}

func TestAMeterThatIsGoneIsRemovedFromTheDocumentOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		r.publish(large(time.Now()))
		r.after(11 * time.Second)
		r.take()
		for range 30 {
			v := large(time.Now())
			v.Meters = v.Meters[:3]
			r.publish(v)
			r.after(10 * time.Second)
		}
		all := r.take()
		if diff := cmp.Diff([]string{"envoyd/" + home + "/meter/net-consumption/L2"}, emptied(all)); diff != "" {
			t.Error(diff)
		}
		docs := to(all, home+"/config")
		if len(docs) != 2 {
			t.Fatalf("%d documents, want one that removes and one without", len(docs))
		}
		removing, without := parsed(t, docs[0].payload)["cmps"].(map[string]any), parsed(t, docs[1].payload)["cmps"].(map[string]any)
		if diff := cmp.Diff(map[string]any{"p": "sensor"}, removing["net-consumption_L2_power"]); diff != "" {
			t.Error(diff)
		}
		for key := range without {
			if strings.HasPrefix(key, "net-consumption_L2") {
				t.Errorf("%s is still there", key)
			}
		}
		r.births <- struct{}{}
		r.after(time.Minute)
		if strings.Contains(string(last(t, r.take(), home+"/config").payload), "L2") {
			t.Error("removed a second time")
		}
	})
}

func TestARemovalIsRepeatedUntilTheBrokerHasIt(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		r.publish(large(time.Now()))
		r.after(11 * time.Second)
		for i := range 20 {
			v := large(time.Now())
			v.Meters, v.Inverters = v.Meters[:3], v.Inverters[1:]
			r.publish(v)
			r.silence(i >= 18)
			r.after(10 * time.Second)
		}
		if n := len(emptied(r.take())); n != 3 {
			t.Fatalf("%d topics emptied, want 3", n)
		}
		r.stop()
		r.silence(false)
		r.start()
		all := r.take()
		if diff := cmp.Diff(3, len(emptied(all))); diff != "" {
			t.Errorf("emptied %v", emptied(all))
		}
		if docs := to(all, home+"/config"); len(docs) != 2 || !strings.Contains(string(docs[0].payload), `"net-consumption_L2_power":{"p":"sensor"}`) {
			t.Errorf("%d documents, the first without the removal", len(docs))
		}
		r.stop()
		r.start()
		if all := r.take(); len(emptied(all)) > 0 || len(to(all, home+"/config")) != 1 {
			t.Errorf("removed again: %v", topicsOf(all))
		}
	})
}

func TestWhatNobodyKnewForAMonthIsRemoved(t *testing.T) {
	bubble(t, func(c *Config) { c.HA.Interval = 15 * time.Minute }, func(t *testing.T, r *rig) {
		r.start()
		r.publish(large(time.Now()))
		r.after(time.Minute)
		for range 33 * 24 * 2 {
			v := large(time.Now())
			v.GridState, v.Power = "", reading.Power{} // nothing to repeat every ten seconds
			v.Meters[2].VoltageV = reading.Value{}
			r.publish(v)
			r.after(30 * time.Minute)
		}
		all := r.take()
		removals := 0
		for _, s := range to(all, home+"/config") {
			doc := parsed(t, s.payload)["cmps"].(map[string]any)
			for _, key := range []string{"grid_state", "net-consumption_L1_voltage"} {
				if c, ok := doc[key].(map[string]any); ok && len(c) == 1 {
					removals++
				}
			}
		}
		if removals != 2 {
			t.Errorf("%d removals, want each key once", removals)
		}
		if strings.Contains(string(last(t, all, home+"/state").payload), "grid_state") {
			t.Error("the key is still in the state")
		}
	})
}

// afterAllWasAnnounced begins a life of the daemon in whose past a large home
// was announced.
func afterAllWasAnnounced(t *testing.T, change func(*Config), test func(t *testing.T, r *rig)) {
	t.Helper()
	dir := t.TempDir()
	bubble(t, func(c *Config) { c.StateDir = dir }, func(_ *testing.T, r *rig) {
		finish := r.p.memory.keep(r.p.log)
		r.start()
		r.publish(large(time.Now()))
		r.after(time.Minute)
		r.stop()
		finish()
	})
	bubble(t, func(c *Config) {
		c.StateDir = dir
		if change != nil {
			change(c)
		}
	}, test)
}

func TestAnInverterThatWentWhileNobodyWatchedIsTakenBack(t *testing.T) {
	afterAllWasAnnounced(t, nil, func(t *testing.T, r *rig) {
		r.start()
		for range 30 {
			v := large(time.Now())
			v.Inverters, v.GridState = v.Inverters[:1], ""
			r.publish(v)
			r.after(10 * time.Second)
		}
		all := r.take()
		if diff := cmp.Diff([]string{"envoyd/" + home + "/inverter/122344043198", "homeassistant/device/envoyd_122344043198/config"}, emptied(all)); diff != "" {
			t.Error(diff)
		}
		if state := parsed(t, last(t, all, home+"/state").payload); !cmp.Equal(state["grid_state"], nil) || !strings.Contains(string(last(t, all, home+"/state").payload), `"grid_state":null`) {
			t.Errorf("the key that is unknown now is not null: %v", state)
		}
	})
}

func TestWhatIsNotYetKnownAgainIsNotRemoved(t *testing.T) {
	afterAllWasAnnounced(t, nil, func(t *testing.T, r *rig) {
		r.after(100 * 24 * time.Hour)
		r.p.since = time.Now()
		r.start()
		r.publish(small(time.Now(), 1))
		r.after(time.Minute)
		for _, s := range to(r.take(), home+"/config") {
			if strings.Contains(string(s.payload), `{"p":"sensor"}`) {
				t.Error("what was not yet known again is removed")
			}
		}
	})
}

func TestAGatewayThatIsNoLongerConfiguredIsTakenBack(t *testing.T) {
	elsewhere := func(c *Config) { c.Gateways = func() []string { return []string{"999999999999"} } }
	afterAllWasAnnounced(t, elsewhere, func(t *testing.T, r *rig) {
		r.start()
		if empty := emptied(r.take()); !slices.Contains(empty, "homeassistant/device/envoyd_"+home+"/config") || !slices.Contains(empty, "envoyd/"+home+"/state") {
			t.Errorf("emptied only %v", empty)
		}
	})
}

func TestTopicsOfAnEarlierNameAreTakenBack(t *testing.T) {
	renamed := func(c *Config) { c.Topic, c.HA.Prefix = "solar", "" }
	afterAllWasAnnounced(t, renamed, func(t *testing.T, r *rig) {
		r.start()
		empty := emptied(r.take())
		for _, topic := range []string{"envoyd/status", "envoyd/" + home + "/power", "envoyd/" + home + "/meter/production", "homeassistant/device/envoyd_" + home + "/config", "homeassistant/device/envoyd_" + panel + "/config"} {
			if !slices.Contains(empty, topic) {
				t.Errorf("%s is not emptied", topic)
			}
		}
	})
}

func TestADamagedMemoryIsSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, memoryName)
	if err := os.WriteFile(path, []byte(`{"version":1,"gateways":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := openMemory(dir)
	if err == nil || m == nil {
		t.Fatalf("memory %v, error %v", m, err)
	}
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Error(err)
	}
}

func TestProblemIsToldWithoutAReading(t *testing.T) {
	long := strings.Repeat("ä", 300)
	bubble(t, func(c *Config) {
		c.Gateways = func() []string { return []string{home} }
		c.Facts = func(string) GatewayFacts { return GatewayFacts{Name: "Home", Problem: true, ProblemText: long} }
	}, func(t *testing.T, r *rig) {
		r.start()
		all := r.take()
		want := map[string]any{"problem": true, "problem_text": strings.Repeat("ä", 254) + "…"}
		if diff := cmp.Diff(want, parsed(t, last(t, all, home+"/state").payload)); diff != "" {
			t.Error(diff)
		}
		doc := string(last(t, all, home+"/config").payload)
		if !strings.Contains(doc, `"name":"Home"`) {
			t.Errorf("the document is %s", doc)
		}
	})
}

func TestNoPrefixMeansNoDiscovery(t *testing.T) {
	bubble(t, func(c *Config) { c.HA.Prefix = "" }, func(t *testing.T, r *rig) {
		r.start()
		r.publish(large(time.Now()))
		r.after(time.Minute)
		for _, s := range r.take() {
			if strings.HasSuffix(s.topic, "/config") || !strings.HasPrefix(s.topic, "envoyd/") {
				t.Errorf("sent to %s", s.topic)
			}
		}
	})
}

func TestATextFromAGatewayMakesNoTopicOfItsOwn(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		v := small(time.Now(), 1)
		v.Inverters = []reading.Inverter{{Serial: "../#/+\x00é", Time: v.Time, PowerW: reading.Of(1)}}
		v.Meters = []reading.Meter{{Kind: "a/b", Phase: "#", Time: v.Time, PowerW: reading.Of(1)}}
		r.publish(v)
		for _, s := range r.take() {
			if strings.ContainsAny(s.topic, "+#\x00") || strings.Count(s.topic, "/") > 4 {
				t.Errorf("sent to %q", s.topic)
			}
		}
	})
}
