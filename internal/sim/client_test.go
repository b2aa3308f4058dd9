package sim_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"envoyd/internal/sim"
)

// client talks to a simulated gateway as a program that knows real ones.
type client struct {
	t      *testing.T
	sim    *sim.Sim
	http   *http.Client
	cookie string
	bearer string
}

// start runs a home until the end of the test, and a client that is logged in.
func start(t *testing.T, cfg sim.Config) *client {
	t.Helper()
	s, err := sim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := newClient(t, s)
	if memory, ok := cfg.Listener.(*sim.Memory); ok {
		c.http.Transport.(*http.Transport).DialContext = memory.Dial
	}
	if s.Identity().Tokens() {
		c.login()
	}
	return c
}

func newClient(t *testing.T, s *sim.Sim) *client {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as for real gateways
		DialContext:     (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, sim: s, bearer: s.Token(), http: &http.Client{
		Transport: transport, Timeout: 5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// login begins a session.
func (c *client) login() {
	c.t.Helper()
	res, body := c.ask("GET", "/auth/check_jwt")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, "Valid token") {
		c.t.Fatalf("check_jwt: %s", res.Status)
	}
	c.cookie, _, _ = strings.Cut(strings.TrimPrefix(res.Header.Get("Set-Cookie"), "sessionId="), ";")
}

// try makes a request and returns how far it got.
func (c *client) try(method, path string) (*http.Response, string, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.sim.Gateway.URL()+path, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	if c.cookie != "" {
		req.Header.Set("Cookie", "sessionId="+c.cookie)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

func (c *client) ask(method, path string) (*http.Response, string) {
	c.t.Helper()
	res, body, err := c.try(method, path)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res, body
}

// json fetches a document, which must be there.
func (c *client) json(path string, into any) {
	c.t.Helper()
	res, body := c.ask("GET", path)
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s", path, res.Status)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		c.t.Fatalf("%s: %v in %.200s", path, err, body)
	}
}

// meters are the power and the counters of each CT, by its kind.
func (c *client) meters() map[string]meter {
	c.t.Helper()
	var kinds []struct {
		Eid                    int64
		State, MeasurementType string
		PhaseCount             int
	}
	c.json("/ivp/meters", &kinds)
	var readings []meter
	c.json("/ivp/meters/readings", &readings)
	out := map[string]meter{}
	for _, k := range kinds {
		for _, r := range readings {
			if r.Eid == k.Eid && k.State == "enabled" {
				r.PhaseCount = k.PhaseCount
				out[k.MeasurementType] = r
			}
		}
	}
	return out
}

type meter struct {
	Eid, Timestamp                            int64
	ActivePower, ActEnergyDlvd, ActEnergyRcvd float64
	PhaseCount                                int
	Channels                                  []meter
}

type productionPage struct {
	Production, Consumption []struct {
		Type, MeasurementType string
		ActiveCount           int
		ReadingTime           int64
		WNow, WhLifetime      float64
		Lines                 []struct{ WNow float64 }
	}
	Storage []struct {
		ActiveCount, PercentFull int
		WNow                     float64
	}
}
