package mqtt

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/parts"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

func sampleFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts.Root(t), "configs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// guarded is a broker with the access list that is handed out.
func guarded(t *testing.T) *mosquitto {
	t.Helper()
	return withPasswords(t, "acl_file DIR/acl").file("acl", sampleFile(t, "mosquitto-acl.conf")).up()
}

// TestTheAccessListIsEnoughAndNoMore publishes through the sample and tries
// what each user must not.
func TestTheAccessListIsEnoughAndNoMore(t *testing.T) {
	m, h := guarded(t), &health{}
	p := publisher(t, h, func(c *Config) { c.URL, c.Username, c.Password = m.url("mqtt"), "envoyd", secret.New("sesame") })
	if err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ha, evcc := listen(t, m.url("tcp"), login("homeassistant", "sesame")), listen(t, m.url("tcp"), func(o *paho.ClientOptions) {
		login("evcc", "sesame")(o)
		o.SetClientID("evcc")
	})
	run(t, p)
	p.cfg.Hub.Publish(large(time.Now()))
	until(t, "Home Assistant has the document and the state", func() bool {
		return ha.get("homeassistant/device/envoyd_"+home+"/config") != "" && ha.get("envoyd/"+home+"/state") != ""
	})
	until(t, "evcc has the power", func() bool { return evcc.get("envoyd/"+home+"/power") != "" })
	if evcc.get("homeassistant/device/envoyd_"+home+"/config") != "" {
		t.Error("evcc reads Home Assistant's topics")
	}
	for _, c := range []struct{ user, topic string }{
		{"evcc", "envoyd/" + home + "/power"}, {"homeassistant", "envoyd/status"}, {"envoyd", "homeassistant/sensor/x/config"}, {"envoyd", "evcc/loadpoints/1/mode/set"},
	} {
		o := paho.NewClientOptions().AddBroker(m.url("tcp")).SetClientID("intruder").SetProtocolVersion(4).SetAutoReconnect(false)
		login(c.user, "sesame")(o)
		client := paho.NewClient(o)
		if k := client.Connect(); k.Wait() && k.Error() != nil {
			t.Fatal(k.Error())
		}
		client.Publish(c.topic, 1, false, "forged").Wait()
		client.Publish("evcc/done", 1, false, "x").Wait()
		client.Disconnect(100)
		for _, l := range []*listener{ha, evcc} {
			if l.get(c.topic) == "forged" {
				t.Errorf("%s may write %s", c.user, c.topic)
			}
		}
	}
}

// meterSource is a plugin's part of the sample.
type meterSource struct{ Source, Topic, JQ, Timeout string }

func TestTheSampleForEvccReadsWhatIsPublished(t *testing.T) {
	var sample struct {
		MQTT   map[string]string
		Meters []struct {
			Name, Type         string
			Power, Energy, SoC *meterSource
		}
		Site struct {
			Title  string
			Meters struct {
				Grid        string
				PV, Battery []string
			}
		}
	}
	d := yaml.NewDecoder(strings.NewReader(sampleFile(t, "evcc.yaml")))
	d.KnownFields(true)
	if err := d.Decode(&sample); err != nil {
		t.Fatal(err)
	}
	m, h := guarded(t), &health{}
	p := publisher(t, h, func(c *Config) { c.URL, c.Username, c.Password = m.url("mqtt"), "envoyd", secret.New("sesame") })
	evcc := listen(t, m.url("tcp"), login("evcc", "sesame"))
	run(t, p)
	p.cfg.Hub.Publish(large(time.Now()))
	until(t, "it is connected", h.is(status.Green))
	want := map[string][3]float64{"enphase-grid": {199.2, 648.2034, 0}, "enphase-pv": {807.3, 1243.8122, 0}, "enphase-battery": {-400, 0, 55}}
	var names []string
	for _, meter := range sample.Meters {
		names = append(names, meter.Name)
		for i, s := range []*meterSource{meter.Power, meter.Energy, meter.SoC} {
			if s == nil {
				continue
			}
			until(t, s.Topic+" arrives", func() bool { return evcc.get(s.Topic) != "" })
			if got := ask(t, s.JQ, evcc.get(s.Topic)); s.Source != "mqtt" || math.Abs(got-want[meter.Name][i]) > 1e-9 {
				t.Errorf("%s: %s of %s is %v, want %v", meter.Name, s.JQ, s.Topic, got, want[meter.Name][i])
			}
		}
	}
	for _, name := range append(slices.Concat(sample.Site.Meters.PV, sample.Site.Meters.Battery), sample.Site.Meters.Grid) {
		if !slices.Contains(names, name) {
			t.Errorf("the site names a meter %q that is not there", name)
		}
	}
}

// ask evaluates the little of jq that the sample uses, and has the real one
// agree where it is installed.
func ask(t *testing.T, expression, payload string) float64 {
	t.Helper()
	path, divided := strings.CutSuffix(expression, " / 1000")
	var value any
	if err := json.Unmarshal([]byte(payload), &value); err != nil {
		t.Fatal(err)
	}
	for key := range strings.SplitSeq(strings.TrimPrefix(path, "."), ".") {
		value = members(value)[key]
	}
	n, ok := value.(float64)
	if !ok {
		t.Fatalf("%s finds %v in %s", expression, value, payload)
	}
	if divided {
		n /= 1000
	}
	if jq, err := exec.LookPath("jq"); err == nil {
		cmd := exec.Command(jq, expression)
		cmd.Stdin = strings.NewReader(payload)
		out, err := cmd.Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprint(n) {
			t.Errorf("jq says %s (%v) to %s, we say %v", got, err, expression, n)
		}
	}
	return n
}
