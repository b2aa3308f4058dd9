package mqtt

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/reading"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// everything publishes a reading of a large home and returns every message,
// one per topic.
func everything(t *testing.T, change func(*Config), v func(*reading.Reading)) []sent {
	t.Helper()
	var all []sent
	bubble(t, func(c *Config) {
		c.Facts = largeFacts
		if change != nil {
			change(c)
		}
	}, func(t *testing.T, r *rig) {
		r.start()
		read := large(at(noon))
		if v != nil {
			v(read)
		}
		r.publish(read)
		newest := map[string]sent{}
		for _, s := range r.take() {
			newest[s.topic] = s
		}
		for _, s := range newest {
			all = append(all, s)
		}
		slices.SortFunc(all, func(a, b sent) int { return strings.Compare(a.topic, b.topic) })
	})
	return all
}

// faults runs the validator over all documents among messages.
func faults(all []sent) []string {
	v := validator{states: map[string][]byte{}, ids: map[string]string{}}
	for _, s := range all {
		v.states[s.topic] = s.payload
	}
	for _, s := range all {
		if strings.HasSuffix(s.topic, "/config") {
			v.document(s.topic, s.payload)
		}
	}
	return v.faults
}

func TestHomeAssistantTakesEveryDocument(t *testing.T) {
	for _, names := range []string{NamesPlain, NamesNative} {
		t.Run(names, func(t *testing.T) {
			all := everything(t, func(c *Config) { c.HA.Names = names }, nil)
			for _, f := range faults(all) {
				t.Error(f)
			}
			var largest sent
			for _, s := range all {
				if strings.HasSuffix(s.topic, "/config") && len(s.payload) > len(largest.payload) {
					largest = s
				}
			}
			t.Logf("largest document: %d bytes at %s", len(largest.payload), largest.topic)
			if len(largest.payload) > 64<<10 {
				t.Error("too large for small brokers")
			}
		})
	}
}

func TestHomeAssistantTakesTheDocumentsOfASmallHome(t *testing.T) {
	all := everything(t, func(c *Config) { c.Facts, c.Version = nil, "" }, func(r *reading.Reading) { *r = *small(at(noon), 800) })
	for _, f := range faults(all) {
		t.Error(f)
	}
	keys := members(parsed(t, last(t, all, "/config").payload)["cmps"])
	for _, key := range []string{"grid_power", "consumption_power", "battery_soc", "charge_energy", "token_expires", "latency", "grid_state"} {
		if keys[key] != nil {
			t.Errorf("%s is announced where nobody can measure it", key)
		}
	}
}

func TestTheValidatorRefuses(t *testing.T) {
	all := everything(t, nil, nil)
	for name, change := range map[string]func(doc string) string{
		"a null in the device":    func(d string) string { return strings.Replace(d, `"sw":"8.2.4345"`, `"sw":null`, 1) },
		"an unknown root key":     func(d string) string { return strings.Replace(d, `"qos":1`, `"qos":1,"~":"x"`, 1) },
		"a URL without scheme":    func(d string) string { return strings.Replace(d, `https://192`, `192`, 1) },
		"a wrong unit":            func(d string) string { return strings.Replace(d, `"kWh"`, `"KWh"`, 1) },
		"a missing value":         func(d string) string { return strings.Replace(d, "value_json.grid_power", "value_json.grid_watts", 1) },
		"a wrong option":          func(d string) string { return strings.Replace(d, `"on-grid",`, "", 1) },
		"a wrong state class":     func(d string) string { return strings.Replace(d, `total_increasing`, `measurement`, 1) },
		"a missing unique id":     func(d string) string { return strings.Replace(d, `"uniq_id"`, `"id"`, 1) },
		"a config category":       func(d string) string { return strings.Replace(d, `"diagnostic"`, `"config"`, 1) },
		"an icon without a colon": func(d string) string { return strings.Replace(d, `mdi:`, `mdi-`, 1) },
		"a foreign platform":      func(d string) string { return strings.Replace(d, `"p":"sensor"`, `"p":"switch"`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			broken := slices.Clone(all)
			i := slices.IndexFunc(broken, func(s sent) bool { return strings.HasSuffix(s.topic, home+"/config") })
			broken[i].payload = []byte(change(string(all[i].payload)))
			if bytes.Equal(broken[i].payload, all[i].payload) {
				t.Fatal("nothing was changed")
			}
			if len(faults(broken)) == 0 {
				t.Error("taken")
			}
		})
	}
}

// TestNothingChangesItsName freezes topics, quality of service, keys, unique
// ids, names and documents: each is a handle in somebody's home.
func TestNothingChangesItsName(t *testing.T) {
	for _, names := range []string{NamesPlain, NamesNative} {
		t.Run(names, func(t *testing.T) {
			var b strings.Builder
			for _, s := range everything(t, func(c *Config) { c.HA.Names = names }, nil) {
				if names == NamesNative && !strings.HasSuffix(s.topic, "/config") {
					continue // the rest is the same
				}
				fmt.Fprintf(&b, "%s  qos %d\n%s\n\n", s.topic, s.qos, indented(s.payload))
			}
			golden(t, names+".golden", b.String())
		})
	}
}

func indented(payload []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, payload, "", "  ") != nil {
		return string(payload)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestDocumentsAreTheSameEachTime(t *testing.T) {
	first, second := everything(t, nil, nil), everything(t, nil, nil)
	for i := range first {
		if !bytes.Equal(first[i].payload, second[i].payload) {
			t.Errorf("%s differs", first[i].topic)
		}
	}
}

func TestUnchangedDocumentsAreNotSentAgain(t *testing.T) {
	facts := GatewayFacts{}
	bubble(t, func(c *Config) { c.Facts = func(string) GatewayFacts { return facts } }, func(t *testing.T, r *rig) {
		r.start()
		r.publish(large(time.Now()))
		r.after(time.Minute)
		r.take()
		facts.Address = "192.168.1.20" // without a scheme it is no link
		r.publish(large(time.Now()))
		r.after(time.Minute)
		if docs := to(r.take(), "/config"); len(docs) > 0 {
			t.Errorf("sent again: %v", topicsOf(docs))
		}
		v := large(time.Now())
		v.Firmware = "8.3.5433"
		r.publish(v)
		r.after(time.Minute)
		if docs := to(r.take(), "/config"); len(docs) != 1 || !strings.Contains(string(docs[0].payload), `"sw":"8.3.5433"`) {
			t.Errorf("new firmware sent %v", topicsOf(docs))
		}
	})
}
