package gateway_test

import (
	"net/http"
	"testing"

	"envoyd/internal/fault"
	"envoyd/internal/gateway"
)

func TestRecordTakesWhateverComes(t *testing.T) {
	f := newFake(t, "8.2.4345")
	c := newClient(t, nil)
	connect(t, c, f.address)
	for status, body := range map[int]string{200: "  {\"a\":", 401: "<html>no</html>", 404: "gone", 502: ""} {
		f.page("/x", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Server", "openresty/1.17.8.1")
			answers(status, body)(w, nil)
		})
		r, err := c.Record(t.Context(), "/x", false)
		if err != nil || r.Status != status || string(r.Body) != body || r.Header.Get("Server") == "" {
			t.Errorf("status %d: %+v, %v", status, r, err)
		}
	}
}

// What the user envoy may not see is recorded as it answers without a login:
// a recording has to show the refusal. Who asks for a digest of another realm
// is not talked to any further.
func TestRecordOfARefusal(t *testing.T) {
	for name, d := range map[string]*digestPage{
		"wrong password": {t: t, password: "x", nonce: "n"},
		"unreadable":     {t: t, challenge: "\u00d8\u00c9\u00c6A"},
	} {
		_, c := legacy(t, d, nil)
		r, err := c.Record(t.Context(), inverters, false)
		if err != nil || r.Status != http.StatusUnauthorized || r.Header.Get("Www-Authenticate") == "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	f, c := legacy(t, &digestPage{t: t, challenge: `Digest qop="auth", realm="evil.example", nonce="n"`}, nil)
	if _, err := c.Record(t.Context(), inverters, false); !fault.Is(err, fault.Security) || len(f.told(inverters)) != 1 {
		t.Errorf("another realm: %v", err)
	}
	if len(f.secrets()) > 0 {
		t.Errorf("sent %v", f.secrets())
	}
}

func TestRecordWithoutAToken(t *testing.T) {
	f := newFake(t, "8.2.4345")
	c := newClient(t, noToken)
	connect(t, c, f.address)
	if _, err := c.Record(t.Context(), "/info", false); !fault.Is(err, fault.Auth) {
		t.Errorf("got %v, want %v", err, gateway.ErrNoToken)
	}
}
