package sim_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/sim"
	"envoyd/internal/sim/jwt"
)

func TestTokensAndSessions(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	good, cookie := c.bearer, c.cookie
	expired, err := c.sim.Tokens.Sign(jwt.Claims{Audience: sim.DefaultSerial, Expires: time.Now().Unix() - 1})
	if err != nil {
		t.Fatal(err)
	}
	forger, err := jwt.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	forged, err := forger.Issue(sim.DefaultSerial, jwt.Owner, sim.User)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		bearer, cookie, path string
		want                 int
	}{
		"cookie without bearer":     {"", cookie, "/ivp/meters", 200},
		"bearer with a session":     {good, "", "/ivp/meters", 200},
		"neither":                   {"", "", "/ivp/meters", 401},
		"bearer without a session":  {c.sim.Token(), "", "/ivp/meters", 401},
		"cookie nobody gave":        {"", "x", "/ivp/meters", 401},
		"info without anything":     {"", "", "/info", 200},
		"token for another gateway": {c.sim.ForeignToken(), "", "/auth/check_jwt", 401},
		"expired token":             {expired, "", "/auth/check_jwt", 401},
		"forged token":              {forged, "", "/auth/check_jwt", 401},
		"no token":                  {"", "", "/auth/check_jwt", 401},
		"installer's token":         {c.sim.InstallerToken(), "", "/auth/check_jwt", 200},
	} {
		t.Run(name, func(t *testing.T) {
			one := *c
			one.t, one.bearer, one.cookie = t, tt.bearer, tt.cookie
			res, body := one.ask("GET", tt.path)
			if res.StatusCode != tt.want || tt.want == 401 && !strings.HasPrefix(body, "<html>") {
				t.Errorf("%s %.40q", res.Status, body)
			}
		})
	}
}

func TestStrictGatewaysWantTheCookie(t *testing.T) {
	c := start(t, sim.Config{Home: noon(), Strict: true})
	if res, _ := c.ask("GET", "/ivp/meters"); res.StatusCode != 200 {
		t.Errorf("with the cookie: %s", res.Status)
	}
	c.cookie = ""
	if res, _ := c.ask("GET", "/ivp/meters"); res.StatusCode != 401 {
		t.Errorf("without the cookie: %s", res.Status)
	}
}

func TestDroppedSessionComesBackAndExpiredTokenDoesNot(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	c.sim.Gateway.DropSessions()
	if res, _ := c.ask("GET", "/ivp/meters"); res.StatusCode != 401 {
		t.Errorf("without a session: %s", res.Status)
	}
	c.login()
	if res, _ := c.ask("GET", "/ivp/meters"); res.StatusCode != 200 {
		t.Errorf("with a new session: %s", res.Status)
	}
	c.sim.Gateway.ExpireTokens()
	if res, _ := c.ask("GET", "/auth/check_jwt"); res.StatusCode != 401 {
		t.Errorf("with the expired token: %s", res.Status)
	}
	c.bearer = c.sim.Token()
	c.login()
}

func TestGivenTokensAreAcceptedAsTheyAre(t *testing.T) {
	c := start(t, sim.Config{Home: noon(), Accept: []string{"any.text.here"}})
	for token, want := range map[string]int{"any.text.here": 200, "other.text.here": 401} {
		c.bearer, c.cookie = token, ""
		if res, _ := c.ask("GET", "/auth/check_jwt"); res.StatusCode != want {
			t.Errorf("%s: %s", token, res.Status)
		}
	}
}

func TestPlainHTTPIsSentToHTTPS(t *testing.T) {
	c := start(t, sim.Config{Home: noon()})
	plain := strings.Replace(c.sim.Gateway.URL(), "https:", "http:", 1)
	res, err := c.http.Get(plain + "/info")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if res.StatusCode != http.StatusMovedPermanently || !strings.HasPrefix(res.Header.Get("Location"), "https://") {
		t.Errorf("%s to %q", res.Status, res.Header.Get("Location"))
	}
}

func TestDigestLogin(t *testing.T) {
	c := start(t, sim.Config{Preset: sim.Digest5, Home: noon()})
	const path = "/api/v1/production/inverters"
	c.bearer = ""
	res, _ := c.ask("GET", path)
	challenge := res.Header.Get("Www-Authenticate")
	if !strings.Contains(challenge, `realm="enphaseenergy.com"`) || !strings.Contains(challenge, `qop="auth"`) {
		t.Fatalf("challenge %q", challenge)
	}
	_, rest, _ := strings.Cut(challenge, `nonce="`)
	nonce, _, _ := strings.Cut(rest, `"`)
	for password, want := range map[string]int{"444555": 200, "000000": 401} {
		if res := askDigest(t, c, path, nonce, password); res.StatusCode != want {
			t.Errorf("password %s: %s", password, res.Status)
		}
	}
	if res := askDigest(t, c, path, "bm9uZQ==", "444555"); !strings.Contains(res.Header.Get("Www-Authenticate"), "stale=true") {
		t.Errorf("an unknown nonce: %s %q", res.Status, res.Header.Get("Www-Authenticate"))
	}
}

func TestSessionsIdleOutAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, sim.Config{Home: noon(), Listener: sim.NewMemory()})
		for _, step := range []struct {
			pause time.Duration
			want  int
		}{{9 * time.Minute, 200}, {9 * time.Minute, 200}, {11 * time.Minute, 401}} {
			time.Sleep(step.pause)
			if res, _ := c.ask("GET", "/ivp/meters"); res.StatusCode != step.want {
				t.Errorf("after %s idle: %s", step.pause, res.Status)
			}
		}
		c.http.CloseIdleConnections()
	})
}
