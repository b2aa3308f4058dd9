package enlighten_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/cloud/grant"
	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

func TestTheGrantIsKeptOnlyForThisHome(t *testing.T) {
	yes := func(context.Context, enlighten.Home) (bool, error) { return true, nil }
	for name, c := range map[string]struct {
		gateway string
		system  int64
		confirm func(context.Context, enlighten.Home) (bool, error)
		want    error
	}{
		"the gateway is there":            {serial, 0, nil, nil},
		"another home":                    {"999999999999", 0, nil, enlighten.ErrNotThisHome},
		"another home, confirmed":         {"999999999999", 0, yes, nil},
		"the system is not in the access": {serial, 5, yes, enlighten.ErrNotThisHome},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			cl := a.client(t, func(cfg *enlighten.Config) { cfg.SystemID = c.system })
			_, err := cl.Connect(t.Context(), enlighten.Consent{Code: "abc", Gateways: []string{c.gateway}, Confirm: c.confirm})
			if !errors.Is(err, c.want) {
				t.Fatalf("err %v", err)
			}
			_, err = cl.Grant().Token(t.Context())
			if kept := err == nil; kept != (c.want == nil) {
				t.Errorf("kept %v", kept)
			}
			if c.want != nil && errors.Is(err, grant.ErrNoGrant) == false {
				t.Errorf("err %v", err)
			}
		})
	}
}

func TestCheckSaysWhichCredentialIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*enlighten.Config)
		want   error
		mend   string
	}{
		"nothing":       {nil, nil, ""},
		"client id":     {func(c *enlighten.Config) { c.ClientID = "x" }, grant.ErrOtherApp, "client_id"},
		"client secret": {func(c *enlighten.Config) { c.ClientSecret = secret.New("x") }, grant.ErrBadClient, "client_secret"},
		"API key":       {func(c *enlighten.Config) { c.APIKey = secret.New("x-key") }, enlighten.ErrWrongKey, "api_key_file"},
		"system":        {func(c *enlighten.Config) { c.SystemID = 5 }, enlighten.ErrUnknownSystem, "77"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t)
				a.connected(t)
				time.Sleep(time.Hour)
				_, err := a.client(t, c.change).Check(t.Context())
				if !errors.Is(err, c.want) || !strings.Contains(fault.Mend(err), c.mend) {
					t.Errorf("err %v, mend %q", err, fault.Mend(err))
				}
				if err != nil && fault.KindOf(err) != fault.Config {
					t.Errorf("kind %v", fault.KindOf(err))
				}
			})
		})
	}
}

func TestWhatIsKnownOfTheHomeSurvivesARestart(t *testing.T) {
	a := newAPI(t)
	a.connected(t)
	h, err := a.client(t, nil).Home(t.Context())
	if err != nil || h.ID != 77 || !h.Net || !h.Battery || !h.ProductionMeter || len(a.calls()) != 0 {
		t.Errorf("home %+v, err %v", h, err)
	}
	if h.Location().String() != "Europe/Berlin" {
		t.Errorf("zone %v", h.Location())
	}
}

func TestConfigurationFaults(t *testing.T) {
	for name, change := range map[string]func(*enlighten.Config){
		"plan":            func(c *enlighten.Config) { c.Plan = "gigawatt" },
		"in the clear":    func(c *enlighten.Config) { c.URL = "http://api.example" },
		"with a password": func(c *enlighten.Config) { c.URL = "https://u:p@api.example" },
		"no authority":    func(c *enlighten.Config) { c.CAFile, c.Transport = "/nonexistent", nil },
	} {
		cfg := enlighten.Config{}
		change(&cfg)
		if _, err := enlighten.New(cfg); fault.KindOf(err) != fault.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := enlighten.New(enlighten.Config{URL: "http://127.0.0.1:1"}); err != nil {
		t.Error(err)
	}
}
