package influx_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientlog "github.com/influxdata/influxdb-client-go/v2/log"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
	"envoyd/internal/sink/influx"
)

func TestNewFindsEveryFault(t *testing.T) {
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		cfg  influx.Config
		want []string // keys; none = valid
	}{
		{"least", influx.Config{URL: "http://db:8086"}, nil},
		{"IPv6 and a path", influx.Config{URL: "https://[fd00::1]:8086/influx/"}, nil},
		{"no URL", influx.Config{}, []string{"influx.url"}},
		{"no scheme", influx.Config{URL: "db:8086"}, []string{"influx.url"}},
		{"no host", influx.Config{URL: "http://:8086"}, []string{"influx.url"}},
		{"another scheme", influx.Config{URL: "mqtt://db"}, []string{"influx.url"}},
		{"a login in the URL", influx.Config{URL: "http://a:b@db"}, []string{"influx.url"}},
		{"a query in the URL", influx.Config{URL: "http://db?org=x"}, []string{"influx.url"}},
		{"the write endpoint", influx.Config{URL: "http://db/api/v2/write"}, []string{"influx.url"}},
		{"two logins", influx.Config{URL: "http://db", Token: secret.New("x"), Username: "y"}, []string{"influx.token"}},
		{"password alone", influx.Config{URL: "http://db", Password: secret.New("x")}, []string{"influx.username"}},
		{"token of two lines", influx.Config{URL: "http://db", Token: secret.New("x\ny")}, []string{"influx.token"}},
		{"reserved tag", influx.Config{URL: "http://db", Tags: map[string]string{"power_w": "x"}}, []string{"influx.tags.power_w"}},
		{"three at once", influx.Config{Prefix: "_x", Interval: -time.Second, Tags: map[string]string{"_a": "x"}},
			[]string{"influx.url", "influx.prefix", "influx.interval", "influx.tags"}},
		{"tag with a line break", influx.Config{URL: "http://db", Tags: map[string]string{"a": "x\ny"}}, []string{"influx.tags.a"}},
		{"missing CA", influx.Config{URL: "https://db", CAFile: noPEM + "x"}, []string{"influx.ca_file"}},
		{"no PEM", influx.Config{URL: "https://db", CAFile: noPEM}, []string{"influx.ca_file"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := influx.New(tt.cfg)
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("New: %v", err)
			}
			for _, key := range tt.want {
				if !strings.Contains(err.Error(), key+":") {
					t.Errorf("%v does not name %s", err, key)
				}
			}
			if f, ok := errors.AsType[*fault.Error](err); err != nil && (!ok || f.Kind != fault.Config || f.Mend == "") {
				t.Errorf("%v has no mend", err)
			}
		})
	}
}

func TestAuthorization(t *testing.T) {
	for _, tt := range []struct{ token, user, password, want string }{
		{"abc==", "", "", "Token abc=="},
		{"", "", "", ""},
		{"", "me", "pa:ss", "Token me:pa:ss"},
		{"", "me", "pa ss", "Basic bWU6cGEgc3M="},
		{"", "m:e", "pass", "Basic bTplOnBhc3M="},
		{"", "me", "", "Token me:"},
	} {
		got := influx.Authorization(influx.Config{Token: secret.New(tt.token), Username: tt.user, Password: secret.New(tt.password)})
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt, got, tt.want)
		}
	}
}

// TestProxyOfTheEnvironment: neither a host at home nor a token in the clear
// goes through a proxy.
func TestProxyOfTheEnvironment(t *testing.T) {
	for address, want := range map[string]bool{
		"https://eu-central-1.aws.cloud2.influxdata.com": true,
		"http://influx.example.com:8086":                 false,
		"https://192.168.1.5:8086":                       false,
		"https://[fd00::5]:8086":                         false,
		"https://[fe80::5]:8086":                         false,
		"https://127.0.0.1:8086":                         false,
		"https://nas:8086":                               false,
		"https://nas.local:8086":                         false,
		"https://nas.fritz.box.:8086":                    false,
		"https://8.8.8.8:8086":                           true,
	} {
		if got := influx.MayUseProxy(address); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}

// TestTheLibraryIsSilent: its logger is the process's own and prints what is
// returned here as an error.
func TestTheLibraryIsSilent(t *testing.T) {
	newSink(t, influx.Config{URL: "http://127.0.0.1:1"})
	if clientlog.Log != nil {
		t.Error("the client library still logs")
	}
}

func TestALoginInTheClearIsWarnedAboutOnce(t *testing.T) {
	for address, want := range map[string]int{
		"http://nas:8086": 1, "http://127.0.0.1:8086": 0, "http://[::1]:8086": 0, "http://localhost": 0, "https://nas:8086": 0,
	} {
		var out bytes.Buffer
		newSink(t, influx.Config{URL: address, Token: secret.New("hidden"), Log: slog.New(slog.NewTextHandler(&out, nil))})
		if n := strings.Count(out.String(), "\n"); n != want || strings.Contains(out.String(), "hidden") {
			t.Errorf("%s: %q", address, out.String())
		}
	}
}
