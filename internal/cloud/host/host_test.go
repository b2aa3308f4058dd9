package host_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"envoyd/internal/cloud/host"
	"envoyd/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSecretsTravelEncryptedOrNowhere(t *testing.T) {
	for address, ok := range map[string]bool{
		"": true, "https://api.example": true, "http://127.0.0.1:9443": true, "http://[::1]:1": true, "http://localhost": true,
		"http://192.168.1.5": false, "http://localhost.example": false, "ftp://127.0.0.1": false, "https://": false,
		"https://user:secret-pw@api.example": false, "https://api.example/?key=secret-pw": false, "::": false,
	} {
		_, err := host.New(host.Config{Key: "endpoints.api", URL: address, Standard: "https://api.enphaseenergy.com"})
		if (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
		if err != nil && (fault.KindOf(err) != fault.Config || strings.Contains(err.Error(), "secret-pw") || !strings.Contains(err.Error(), "endpoints.api")) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	hits := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	h, err := host.New(host.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	answer, err := h.Client().Get(h.URL("/x").String())
	if err != nil || answer.StatusCode != http.StatusFound || hits != 1 {
		t.Fatalf("%v %v, %d hits", answer, err, hits)
	}
	_ = answer.Body.Close()
}

func TestFailuresOfTheConnectionAreSaidInOurWords(t *testing.T) {
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	untrusted.Config.ErrorLog = nil
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for address, want := range map[string]string{untrusted.URL: "certificate", gone.URL: "cannot be reached"} {
		h, err := host.New(host.Config{URL: address})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Client().Get(h.URL("/x").String() + "?code=secret-code") //nolint:bodyclose // there is none
		what, mend := h.Offline(err)
		if err == nil || !strings.Contains(what, want) || mend == "" || strings.Contains(what+mend, "secret-code") {
			t.Errorf("%s: %q %q", address, what, mend)
		}
		h.Close()
	}
	h, _ := host.New(host.Config{URL: "https://api.example"})
	for err, want := range map[error]string{
		&net.OpError{Op: "proxyconnect", Err: &net.DNSError{Name: "secret-code"}}: "proxy",
		&net.DNSError{Name: "secret-code"}:                                        "cannot be resolved",
		context.Canceled:                                                          "interrupted", context.DeadlineExceeded: "in time", errors.New("secret-code"): "failed",
	} {
		if what, _ := h.Offline(err); !strings.Contains(what, want) || strings.Contains(what, "secret-code") {
			t.Errorf("%v: %q", err, what)
		}
	}
}
