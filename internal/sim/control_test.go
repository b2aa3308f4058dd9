package sim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
)

// turn throws a switch over HTTP.
func turn(t *testing.T, c *client, method, switched, body string) (int, map[string]any) {
	t.Helper()
	url := "http" + strings.TrimPrefix(strings.TrimPrefix(c.sim.Gateway.URL(), "https"), "http") + "/_sim/" + switched
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if res.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v in %q", switched, err, text)
		}
	}
	return res.StatusCode, doc
}

func TestEverySwitchCanBeThrownOverHTTP(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	for _, kind := range fault.Kinds() {
		if code, doc := turn(t, c, "POST", string(kind)+"?for=60s&path=/nowhere&count=3", ""); code != 200 || len(doc["faults"].([]any)) != 1 {
			t.Errorf("%s: %d %v", kind, code, doc)
		}
		turn(t, c, "POST", "clear", "")
	}
	for _, name := range []string{
		"401?count=1", "502?count=1", "503?count=1", "clear?fault=401", "clear", "sessions", "token", "move", "key", "certificate", "restart?for=1s",
		"wrap", "reset", "reset?meter=net-consumption", "firmware?version=8.3.5167", "offgrid", "offgrid?on=false", "remove", "swap",
	} {
		if code, doc := turn(t, c, "POST", name, ""); code != 200 || doc["address"] != c.sim.Gateway.Addr() || doc["pin"] != c.sim.Gateway.Pin() {
			t.Errorf("%s: %d %v", name, code, doc)
		}
	}
	if code, doc := turn(t, c, "GET", "truth", ""); code != 200 || doc["ProductionWh"].(float64) < 1e6 {
		t.Errorf("truth: %d %v", code, doc)
	}
	turn(t, c, "POST", "clear", "")
	if code, doc := turn(t, c, "POST", "html", `{"count": 2, "path": "/x"}`); code != 200 || doc["faults"].([]any)[0].(map[string]any)["left"] != 2.0 {
		t.Errorf("JSON parameters: %d %v", code, doc)
	}
	for _, bad := range []string{"nothing", "html?count=0", "html?for=soon", "html?for=-1s", "reset?meter=x", "firmware", "remove?serial=1"} {
		if code, _ := turn(t, c, "POST", bad, ""); code != 400 {
			t.Errorf("%s: %d", bad, code)
		}
	}
	if code, _ := turn(t, c, "GET", "html", ""); code != 400 {
		t.Errorf("a GET threw a switch: %d", code)
	}
}

func TestRefuseIsLiftedOverPlainHTTP(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	turn(t, c, "POST", "refuse", "")
	if _, _, err := c.try("GET", "/info"); err == nil {
		t.Error("it was not refused")
	}
	turn(t, c, "POST", "clear", "")
	if _, _, err := c.try("GET", "/info"); err != nil {
		t.Error(err)
	}
}

func TestSwitchesServeOnlyThisMachineUnderItsOwnName(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	for name, tt := range map[string]struct {
		peer, host string
		want       int
	}{
		"loopback":           {"127.0.0.1:1000", "127.0.0.1:8443", 200},
		"loopback by name":   {"127.0.0.1:1000", "localhost:8443", 200},
		"loopback over IPv6": {"[::1]:1000", "[::1]:8443", 200},
		"another machine":    {"192.168.1.5:1000", "127.0.0.1:8443", 403},
		"a web page's name":  {"127.0.0.1:1000", "evil.example:8443", 403},
		"a LAN address":      {"127.0.0.1:1000", "192.168.1.5", 403},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/_sim/state", http.NoBody)
			r.RemoteAddr, r.Host = tt.peer, tt.host
			w := httptest.NewRecorder()
			c.sim.Gateway.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}
