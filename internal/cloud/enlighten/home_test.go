package enlighten_test

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/cloud/grant"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/secret"
	"envoyd/internal/sim/cloud"
	simfault "envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
	"envoyd/internal/sim/site"
)

// simulated runs a test against the cloud of the simulated home: another
// program's idea of the API, with data whose truth is known.
func simulated(t *testing.T, cfg cloud.Config, test func(*testing.T, *home.Home, *cloud.Cloud, *enlighten.Client)) {
	synctest.Test(t, func(t *testing.T) {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(time.Date(2026, 6, 21, 10, 30, 0, 0, time.UTC)))
		cfg.Home = home.New(home.Config{Batteries: 2, Zone: zone})
		cfg.Identity = func() site.Identity { return site.Identity{Serial: serial, Firmware: "8.2.4345"} }
		cfg.Login = func(string, string) bool { return true }
		cfg.Production = true
		sim := cloud.New(cfg)
		mux := http.NewServeMux()
		sim.Mount(mux.Handle)
		c, err := enlighten.New(enlighten.Config{
			ClientID: sim.Client(), ClientSecret: secret.New(sim.Secret()), APIKey: secret.New(sim.Key()),
			URL: "https://api.example", Transport: wire{mux}, Dir: t.TempDir(), Zone: zone,
		})
		if err != nil {
			t.Fatal(err)
		}
		consent := enlighten.Consent{RedirectURI: c.Grant().DefaultRedirect(), Gateways: []string{serial}}
		consent.Code = agree(t, mux, c.Grant().AuthorizeURL(consent.RedirectURI, "state-1"))
		if _, err := c.Connect(t.Context(), consent); err != nil {
			t.Fatal(err)
		}
		test(t, cfg.Home, sim, c)
	})
}

// agree is the owner at the browser.
func agree(t *testing.T, mux http.Handler, address string) (code string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	cookie := ""
	for _, more := range []url.Values{{"email": {"owner@example.com"}, "password": {"x"}}, {"decision": {"approve"}}} {
		form := u.Query()
		for k, v := range more {
			form[k] = v
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth/authorize", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
		if to := w.Header().Get("Location"); to != "" {
			back, err := url.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			code, state, err := grant.Redirect(back.Query())
			if err != nil || state != "state-1" {
				t.Fatalf("came back with %s: %v", to, err)
			}
			return code
		}
	}
	t.Fatal("nobody was sent back")
	return ""
}

func near(got reading.Value, want, slack float64) bool {
	n, known := got.Get()
	return known && math.Abs(n-want) <= max(slack, 0.01*math.Abs(want))
}

func TestThePowerOfTheSimulatedHomeIsItsTruth(t *testing.T) {
	for name, cfg := range map[string]cloud.Config{
		"net": {Consumption: cloud.Net}, "total": {Consumption: cloud.Total}, "battery sign reversed": {Consumption: cloud.Net, Discharge: true},
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, cfg, func(t *testing.T, h *home.Home, _ *cloud.Cloud, c *enlighten.Client) {
				for range 4 {
					time.Sleep(5 * time.Hour)
					s, err := c.Latest(t.Context(), time.Now())
					if err != nil {
						t.Fatal(err)
					}
					truth := h.Truth(s.Time)
					p := s.Power
					if !near(p.ProductionW, truth.ProductionW, 6) || !near(p.GridW, truth.GridW, 6) ||
						!near(p.BatteryW, truth.BatteryW, 6) || !near(p.ConsumptionW, truth.ConsumptionW, 6) {
						t.Errorf("%v: %+v, truth %+v", s.Time, p, truth.Flow)
					}
				}
			})
		})
	}
}

func TestTheEnergyOfTheSimulatedHomeIsItsTruth(t *testing.T) {
	simulated(t, cloud.Config{Consumption: cloud.Net}, func(t *testing.T, h *home.Home, sim *cloud.Cloud, c *enlighten.Client) {
		time.Sleep(15 * time.Minute)
		from := time.Now()
		first := h.Truth(from)
		time.Sleep(5 * day)
		to := time.Now()
		last := h.Truth(to)
		var sum reading.Energy
		for _, w := range enlighten.Windows(from, to) {
			span, err := c.Intervals(t.Context(), w)
			if err != nil || len(span.Missing) > 0 {
				t.Fatalf("missing %v, %v", span.Missing, err)
			}
			for _, i := range span.Intervals {
				for _, f := range reading.Flows() {
					v := sum.At(f)
					*v = reading.Of(v.Or(0) + i.Energy.At(f).Or(0))
				}
			}
		}
		for f, want := range map[reading.Flow]float64{
			reading.Production: last.ProductionWh - first.ProductionWh, reading.Consumption: last.ConsumptionWh - first.ConsumptionWh,
			reading.Import: last.ImportWh - first.ImportWh, reading.Export: last.ExportWh - first.ExportWh,
			reading.Charge: last.ChargeWh - first.ChargeWh, reading.Discharge: last.DischargeWh - first.DischargeWh,
		} {
			if !near(*sum.At(f), want, 1) {
				t.Errorf("%s: %v Wh, truth %.0f Wh", f, sum.At(f), want)
			}
		}
		days, err := c.Daily(t.Context())
		if err != nil || len(days) < 100 {
			t.Fatalf("%d days, %v", len(days), err)
		}
		if used, err := c.Budget().Status(); err != nil || used.MonthUsed < len(sim.Calls()) || used.MonthUsed > len(sim.Calls())+sim.TokenCalls() {
			t.Errorf("we count %d, they %d and %d for tokens", used.MonthUsed, len(sim.Calls()), sim.TokenCalls())
		}
		if n := sim.Busiest(time.Minute); n > 10 {
			t.Errorf("%d calls in a minute", n)
		}
	})
}

func TestTheSimulatedCloudsRefusals(t *testing.T) {
	simulated(t, cloud.Config{Consumption: cloud.Net}, func(t *testing.T, _ *home.Home, sim *cloud.Cloud, c *enlighten.Client) {
		ask := func() error {
			time.Sleep(2 * time.Hour)
			_, err := c.Latest(t.Context(), time.Now())
			return err
		}
		for f, want := range map[cloud.Failure]error{
			cloud.HTML: enlighten.ErrUpstream, cloud.Empty: enlighten.ErrUpstream, cloud.Broken: enlighten.ErrUpstream,
			cloud.BrokenOdd: enlighten.ErrUpstream, cloud.Unavailable: enlighten.ErrUpstream, cloud.NotFound: enlighten.ErrUnknownSystem,
			cloud.MinuteLimit: enlighten.ErrLimit, cloud.Partner429: enlighten.ErrLimit,
		} {
			sim.Fail(f, simfault.Options{})
			if f == cloud.Partner429 {
				sim.Fail(cloud.MinuteLimit, simfault.Options{})
			}
			if err := ask(); !errors.Is(err, want) {
				t.Errorf("%s: %v", f, err)
			}
			sim.Mend()
		}
		sim.Expire(false)
		if err := ask(); err != nil {
			t.Errorf("expired: %v", err)
		}
		sim.Fail(cloud.MonthLimit, simfault.Options{})
		err := ask()
		sim.Mend()
		if !errors.Is(err, enlighten.ErrLimit) || fault.After(err) < 24*time.Hour {
			t.Errorf("month: %v", err)
		}
		if err := ask(); !enlighten.IsBudget(err) {
			t.Errorf("after the month's limit: %v", err)
		}
	})
}
