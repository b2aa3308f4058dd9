package cloud_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/sim/cloud"
	"envoyd/internal/sim/home"
	"envoyd/internal/sim/site"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	serial   = "122333444555"
	email    = "owner@example.com"
	password = "sunny-side-up"
	back     = "http://127.0.0.1:9/connect/callback"
)

// user is a client of the API in a bubble, without a network.
type user struct {
	t      *testing.T
	cloud  *cloud.Cloud
	home   *home.Home
	mux    *http.ServeMux
	access string
	cookie string
}

// berlin has midnights that are not UTC's, and daylight saving.
func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// at runs a test in a bubble that begins at a moment, with a consent given.
func at(t *testing.T, begin time.Time, cfg cloud.Config, config home.Config, test func(u *user)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(begin))
		if config.Zone == nil {
			config.Zone = berlin(t)
		}
		u := &user{t: t, mux: http.NewServeMux(), home: home.New(config)}
		cfg.Home = u.home
		cfg.Identity = func() site.Identity { return site.Identity{Serial: serial, Firmware: "8.2.4345"} }
		cfg.Login = func(e, p string) bool { return e == email && p == password }
		u.cloud = cloud.New(cfg)
		u.cloud.Mount(u.mux.Handle)
		u.access = u.cloud.Grant()["access_token"].(string)
		test(u)
	})
}

// noon is a summer day.
func noon() time.Time { return time.Date(2026, 6, 21, 10, 30, 0, 0, time.UTC) }

// usual is the default home of the demo: CTs and batteries.
func usual() (cloud.Config, home.Config) {
	return cloud.Config{Production: true, Consumption: cloud.Net, Plan: cloud.Partners}, home.Config{Batteries: 2}
}

// send makes a request and returns what comes back; aborted when it was broken off.
func (u *user) send(r *http.Request) (w *httptest.ResponseRecorder, aborted bool) {
	u.t.Helper()
	r.RemoteAddr, r.Host = "127.0.0.1:1000", "127.0.0.1:9443"
	w = httptest.NewRecorder()
	defer func() {
		if what := recover(); what != nil {
			if what != any(http.ErrAbortHandler) {
				panic(what)
			}
			aborted = true
		}
	}()
	u.mux.ServeHTTP(w, r)
	return w, false
}

// get makes a data call.
func (u *user) get(path string) (int, string) {
	u.t.Helper()
	w, _ := u.send(u.request(http.MethodGet, path))
	return w.Code, w.Body.String()
}

func (u *user) request(method, path string) *http.Request {
	r := httptest.NewRequestWithContext(u.t.Context(), method, "/api/v4/systems"+path, http.NoBody)
	r.Header.Set("key", u.cloud.Key())
	r.Header.Set("Authorization", "Bearer "+u.access)
	return r
}

// doc makes a data call that must succeed.
func (u *user) doc(path string) map[string]any {
	u.t.Helper()
	var doc map[string]any
	code, text := u.get(path)
	if err := json.Unmarshal([]byte(text), &doc); err != nil || code != 200 {
		u.t.Fatalf("%s: %d %v in %.200s", path, code, err, text)
	}
	return doc
}

// own is the path of a call for the system.
func (u *user) own(path string) string { return fmt.Sprintf("/%d%s", u.cloud.System(), path) }

// intervals are those of a series, nested or not.
func (u *user) intervals(path string) []map[string]any {
	u.t.Helper()
	return flat(u.doc(u.own(path))["intervals"].([]any))
}

func flat(list []any) []map[string]any {
	out := []map[string]any{}
	for _, one := range list {
		switch v := one.(type) {
		case []any:
			out = append(out, flat(v)...)
		case map[string]any:
			out = append(out, v)
		}
	}
	return out
}

// form posts to a path of the consent.
func (u *user) form(path string, values url.Values) *httptest.ResponseRecorder {
	u.t.Helper()
	r := httptest.NewRequestWithContext(u.t.Context(), http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if path == "/oauth/token" {
		r.SetBasicAuth(u.cloud.Client(), u.cloud.Secret())
	}
	if u.cookie != "" {
		r.Header.Set("Cookie", u.cookie)
	}
	w, _ := u.send(r)
	if set := w.Header().Get("Set-Cookie"); set != "" {
		u.cookie, _, _ = strings.Cut(set, ";")
	}
	return w
}

// tokens asks the token endpoint.
func (u *user) tokens(values url.Values) (int, map[string]any) {
	u.t.Helper()
	w := u.form("/oauth/token", values)
	var doc map[string]any
	if err := json.NewDecoder(w.Body).Decode(&doc); err != nil && err != io.EOF {
		u.t.Fatalf("token endpoint: %d %v", w.Code, err)
	}
	return w.Code, doc
}
