package influx_test

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/secret"
	"envoyd/internal/sink/influx"
)

func TestCheck(t *testing.T) {
	d := newDouble(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hi</html>") }))
	t.Cleanup(page.Close)
	secure := httptest.NewUnstartedServer(d)
	secure.Config.ErrorLog = quiet()
	secure.StartTLS()
	t.Cleanup(secure.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	free := freePort(t)
	good := influx.Config{URL: d.URL, Org: doubleOrg, Bucket: doubleBucket, Token: secret.New(doubleToken)}
	tests := []struct {
		name   string
		change func(*influx.Config)
		kind   fault.Kind
		mend   string // part of it; "" = works
	}{
		{"works", func(*influx.Config) {}, 0, ""},
		{"works over TLS", func(c *influx.Config) { c.URL, c.CAFile = secure.URL, ca }, 0, ""},
		{"nothing listens", func(c *influx.Config) { c.URL = "http://" + free }, fault.Transient, "Nothing listens"},
		{"no such host", func(c *influx.Config) { c.URL = "http://nowhere.invalid:8086" }, fault.Transient, `host "nowhere.invalid"`},
		{"not InfluxDB", func(c *influx.Config) { c.URL = page.URL }, fault.Config, "No InfluxDB"},
		{"wrong path", func(c *influx.Config) { c.URL += "/sub" }, fault.Config, "No InfluxDB"},
		{"wrong token", func(c *influx.Config) { c.Token = secret.New("wrong") }, fault.Config, "influx.token"},
		{"token without the right", func(c *influx.Config) { c.Token = secret.New("read-only") }, fault.Config, "right to write"},
		{"unknown bucket", func(c *influx.Config) { c.Bucket = "moon" }, fault.Config, "bucket"},
		{"unknown org", func(c *influx.Config) { c.Org = "moon" }, fault.Config, "influx.org"},
		{"unknown authority", func(c *influx.Config) { c.URL = secure.URL }, fault.Security, "influx.ca_file"},
		{"http to a TLS port", func(c *influx.Config) { c.URL = "http://" + secure.Listener.Addr().String() }, fault.Config, "https://"},
		{"https to a plain port", func(c *influx.Config) { c.URL = "https://" + d.Listener.Addr().String() }, fault.Config, "http://"},
		{"another host's certificate", func(c *influx.Config) {
			_, port, _ := net.SplitHostPort(secure.Listener.Addr().String())
			c.URL, c.CAFile = "https://localhost:"+port, ca
		}, fault.Security, "made out to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			err := newSink(t, cfg).Check(t.Context())
			if tt.mend == "" {
				if err != nil {
					t.Errorf("Check: %v", err)
				}
				return
			}
			if !fault.Is(err, tt.kind) || err == nil || !strings.Contains(fault.Mend(err), tt.mend) {
				t.Errorf("Check: kind %v mend %q: %v", fault.KindOf(err), fault.Mend(err), err)
			}
		})
	}
	if n := len(d.column(t, "enphase_power", "production_w")); n != 0 || len(d.values) != 0 {
		t.Errorf("Check left points behind: %v", d.values)
	}
}

// TestCheckTheRealOnes tries the same against what can be installed.
func TestCheckTheRealOnes(t *testing.T) {
	i18, vm := startInflux(t), startVictoria(t)
	query(t, i18, "", "CREATE DATABASE solar")
	query(t, i18, "", "CREATE USER reader WITH PASSWORD 'reader'")
	query(t, i18, "", "CREATE USER writer WITH PASSWORD 'writer'")
	query(t, i18, "", "GRANT WRITE ON solar TO writer")
	login := func(bucket, name, password string) influx.Config {
		return influx.Config{URL: "http://" + i18.addr, Bucket: bucket, Username: name, Password: secret.New(password)}
	}
	tests := []struct {
		name string
		cfg  influx.Config
		mend string
	}{
		{"1.8 works", login("solar", adminName, adminPassword), ""},
		{"1.8 works with a retention policy", login("solar/autogen", adminName, adminPassword), ""},
		{"1.8 unknown retention policy", login("solar/moon", adminName, adminPassword), "Create the bucket"},
		{"1.8 user who may only write", login("solar", "writer", "writer"), ""},
		{"1.8 wrong password", login("solar", adminName, "x"), "influx.password"},
		{"1.8 user without the right", login("solar", "reader", "reader"), "right to write"},
		{"1.8 unknown database", login("moon", adminName, adminPassword), "Create the bucket"},
		{"VictoriaMetrics works", influx.Config{URL: "http://" + vm.addr}, ""},
		{"VictoriaMetrics, under its other path", influx.Config{URL: "http://" + vm.addr + "/influx/"}, ""},
		{"VictoriaMetrics, wrong path", influx.Config{URL: "http://" + vm.addr + "/nope"}, "No InfluxDB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := newSink(t, tt.cfg).Check(t.Context())
			if (err == nil) != (tt.mend == "") || !strings.Contains(fault.Mend(err), tt.mend) {
				t.Errorf("Check: mend %q: %v", fault.Mend(err), err)
			}
		})
	}
}

func TestSecretsStaySecret(t *testing.T) {
	const hidden = "Tr0ub4dor"
	d := newDouble(t)
	for _, cfg := range []influx.Config{
		{Token: secret.New(hidden)},
		{Username: "me", Password: secret.New(hidden)},
		{Username: "me", Password: secret.New(hidden + " x")},
	} {
		cfg.URL = d.URL
		d.next(fabricated{status: 401, body: `{"message":"I do not know Token ` + cfg.Token.Reveal() + ` nor me:` + cfg.Password.Reveal() + `"}`})
		s := newSink(t, cfg)
		err := s.Write(t.Context(), []reading.Record{power(time.Now(), 1)})
		if err == nil || strings.Contains(err.Error()+fault.Mend(err), hidden) {
			t.Errorf("Write: %v", err)
		}
	}
	for _, cfg := range []influx.Config{
		{URL: "http://me:" + hidden + "@db:8086"}, {URL: "http://db:8086?token=" + hidden}, {URL: "http://db:80 86/" + hidden},
		{URL: "http://db", Token: secret.New(hidden + "\n"), Password: secret.New(hidden)},
		{URL: "http://db", Username: "x", Password: secret.New(hidden + "\x00")},
	} {
		if _, err := influx.New(cfg); err == nil || strings.Contains(err.Error(), hidden) {
			t.Errorf("New: %v", err)
		}
	}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
