package web_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// visitor asks a server that calls itself anything.
type visitor struct {
	t       *testing.T
	address string
}

func (h *house) visitor(t *testing.T) visitor { return visitor{t: t, address: h.serve(t)} }

// ask sends a request and returns the answer with its body read.
func (v visitor) ask(method, path, host string) (*http.Response, string) {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), method, "http://"+v.address+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	if host != "" {
		request.Host = host
	}
	request.Header.Set("Origin", "http://elsewhere.example")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer, string(body)
}

func (v visitor) get(path string) (*http.Response, string) {
	v.t.Helper()
	return v.ask(http.MethodGet, path, "")
}

var routes = []string{
	"/", "/static/app.js", "/static/style.css", "/static/icon.svg", "/api/v1/readings", "/api/v1/readings/" + home,
	"/api/v1/gateways", "/api/v1/history", "/metrics", "/healthz", "/readyz",
}

func TestGuardRefusesForeignNames(t *testing.T) {
	v := newHouse(nil).visitor(t)
	for _, host := range []string{"evil.example", "evil.example:8099", "127.0.0.1.evil.example", "localhost.evil.example", "2130706433", "0x7f.1", "."} {
		for _, path := range append(routes, "/api/v1/stream", "/nothing") {
			answer, body := v.ask(http.MethodGet, path, host)
			if answer.StatusCode != http.StatusMisdirectedRequest || strings.Contains(body, home) {
				t.Errorf("%s as %s: %d %.80s", path, host, answer.StatusCode, body)
			}
		}
	}
}

func TestGuardKnowsItsNames(t *testing.T) {
	v := newHouse(nil).visitor(t)
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	short, _, _ := strings.Cut(own, ".")
	for _, host := range []string{
		"127.0.0.1", "192.0.2.9:8099", "[::1]:8099", "[fe80::1%25eth0]:8099", "localhost", "LOCALHOST:80", "localhost.", own, short + ".local:8099",
		"solar.example", "Solar.Example:443",
	} {
		if answer, body := v.ask(http.MethodGet, "/healthz", host); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", host, answer.StatusCode, body)
		}
	}
}

func TestGuardOnlyLetsRead(t *testing.T) {
	v := newHouse(nil).visitor(t)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
		for _, path := range append(routes, "/api/v1/stream", "/nothing") {
			answer, _ := v.ask(method, path, "")
			if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, answer.StatusCode, answer.Header.Get("Allow"))
			}
		}
	}
}

func TestEveryAnswerKeepsThePageToItself(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(measured(home, "Home", time.Now(), 800))
	v := h.visitor(t)
	for _, path := range append(routes, "/nothing") {
		answer, _ := v.get(path)
		policy := answer.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: policy %q, nosniff %q", path, policy, answer.Header.Get("X-Content-Type-Options"))
		}
		if cors := answer.Header.Get("Access-Control-Allow-Origin"); cors != "" {
			t.Errorf("%s may be read from %s", path, cors)
		}
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(measured(home, "Home", time.Now(), 800))
	v := h.visitor(t)
	for _, path := range append(routes, "/api/v1/stream") {
		answer, body := v.ask(http.MethodHead, path, "")
		if answer.StatusCode != http.StatusOK || body != "" {
			t.Errorf("%s: %d %q", path, answer.StatusCode, body)
		}
		if answer.Header.Get("Content-Type") == "" {
			t.Errorf("%s: no content type", path)
		}
	}
}
