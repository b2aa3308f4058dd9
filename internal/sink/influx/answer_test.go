package influx_test

import (
	"encoding/pem"
	"errors"
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
	"envoyd/internal/sinktest"
)

func TestAnswers(t *testing.T) {
	json := map[string]string{"Content-Type": "application/json"}
	tests := []struct {
		name   string
		answer fabricated
		kind   fault.Kind
		after  time.Duration
		mend   string // part of it
	}{
		{"429 with seconds", fabricated{status: 429, headers: map[string]string{"Retry-After": "17"}}, fault.Transient, 17 * time.Second, "tried again"},
		{"429 that asks for a day", fabricated{status: 429, headers: map[string]string{"Retry-After": "86400"}}, fault.Transient, 10 * time.Minute, ""},
		{"503 that asks for nonsense", fabricated{status: 503, headers: map[string]string{"Retry-After": "soon"}}, fault.Transient, 0, ""},
		{"500", fabricated{status: 500, headers: json, body: `{"code":"internal error","message":"disk"}`}, fault.Transient, 0, ""},
		{"502 of a proxy", fabricated{status: 502, body: "<html>bad gateway</html>"}, fault.Transient, 0, ""},
		{"504", fabricated{status: 504}, fault.Transient, 0, ""},
		{"408", fabricated{status: 408}, fault.Transient, 0, ""},
		{"400 for a limit", fabricated{status: 400, headers: json, body: `{"code":"invalid","message":"write limit of 1000 per minute reached"}`}, fault.Transient, 0, ""},
		{"400 for a cluster's queue", fabricated{status: 400, headers: json, body: `{"error":"partial write: hinted handoff queue not empty"}`}, fault.Transient, 0, ""},
		{"401", fabricated{status: 401, headers: json, body: `{"code":"unauthorized","message":"unauthorized access"}`}, fault.Config, 0, "influx.token"},
		{"403", fabricated{status: 403, headers: json, body: `{"code":"forbidden","message":"no"}`}, fault.Config, 0, "right to write"},
		{"404 of a database", fabricated{status: 404, headers: json, body: `{"code":"not found","message":"bucket \"x\" not found"}`}, fault.Config, 0, "Create the bucket"},
		{"404 of a web server", fabricated{status: 404, body: "<html>"}, fault.Config, 0, "No InfluxDB"},
		{"404 for the path", fabricated{status: 404, headers: map[string]string{"X-Influxdb-Version": "1.8"}, body: "404 page not found"}, fault.Config, 0, "No InfluxDB"},
		{"405", fabricated{status: 405}, fault.Config, 0, "No InfluxDB"},
		{"a redirect", fabricated{status: 302, headers: map[string]string{"Location": "/login"}}, fault.Config, 0, "No InfluxDB"},
		{"200 with a page", fabricated{status: 200, body: "<html>welcome</html>"}, fault.Config, 0, "No InfluxDB"},
		{"201", fabricated{status: 201}, fault.Config, 0, "No InfluxDB"},
		{"1.8 with an unknown retention policy", fabricated{status: 500, headers: json, body: `{"error":"retention policy not found: nope"}`}, fault.Config, 0, "Create the bucket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDouble(t)
			d.next(tt.answer)
			s := d.sink(t, influx.Config{})
			err := s.Write(t.Context(), sinktest.Records(sinktest.Start(), 3))
			f, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("Write: %v", err)
			}
			if f.Kind != tt.kind || f.After != tt.after || !strings.Contains(f.Mend, tt.mend) || f.Mend == "" {
				t.Errorf("kind %v after %v mend %q: %v", f.Kind, f.After, f.Mend, err)
			}
			if n := d.asked(); n != 1 {
				t.Errorf("%d requests for one that is not about points", n)
			}
			if err := s.Write(t.Context(), sinktest.Records(sinktest.Start(), 3)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "30": 30 * time.Second, " 5 ": 5 * time.Second, "-1": 0, "99999999999": 0, "601": 10 * time.Minute,
		"Sun, 21 Jun 2026 10:01:00 GMT": time.Minute, "Sun, 21 Jun 2026 09:00:00 GMT": 0, "Mon, 22 Jun 2026 10:00:00 GMT": 10 * time.Minute,
	} {
		if got := influx.RetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// TestRefusalsThatAreNotAboutPoints is the other half of isolation: whatever
// answers 400 to everything must not make the sink throw readings away.
func TestRefusalsThatAreNotAboutPoints(t *testing.T) {
	for name, f := range map[string]fabricated{
		"plain HTTP to a TLS port": {status: 400, body: "Client sent an HTTP request to an HTTPS server.\n"},
		"no org":                   {status: 400, body: `{"code":"invalid","message":"Please provide either orgID or org"}`},
		"a proxy's limit of 0":     {status: 413, body: "<html>"},
		"422 without a word":       {status: 422},
		"VictoriaMetrics, path":    {status: 400, body: `unsupported path requested: "/x/api/v2/write"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			f.when = func(string) bool { return true }
			d.next(f)
			s := d.sink(t, influx.Config{})
			records := sinktest.Records(sinktest.Start(), 100)
			err := s.Write(t.Context(), records)
			if _, rejected := errors.AsType[*fault.Rejected](err); rejected || !fault.Is(err, fault.Config) || fault.Mend(err) == "" {
				t.Errorf("Write: %v, mend %q", err, fault.Mend(err))
			}
			if n := d.asked(); n > 4 {
				t.Errorf("%d requests", n)
			}
			d.heal()
			if err := s.Write(t.Context(), records); err != nil || len(d.column(t, "enphase_power", "production_w")) != 100 {
				t.Errorf("after the mend: %v", err)
			}
		})
	}
}

func TestIsolation(t *testing.T) {
	has := func(text string) func(string) bool {
		return func(body string) bool { return strings.Contains(body, text) }
	}
	big := func(body string) bool { return strings.Count(body, "\n") > 7 }
	const bad = "production_w=42,"
	tests := []struct {
		name     string
		fault    fabricated
		tries    int // writes until the sink sees through it
		rejected int // index, -1 none
		most     int // requests
	}{
		{"malformed line drops the whole batch", fabricated{status: 400, body: `{"code":"invalid","message":"unable to parse 'x': missing fields"}`, when: has(bad)}, 1, 41, 20},
		{"3: partial write as 500", fabricated{status: 500, body: `{"error":"partial write of line protocol occurred","data":[{"error_message":"bad"}]}`, when: has(bad)}, 1, 41, 20},
		{"3: partial write as 400", fabricated{status: 400, stored: true, body: `{"error":"partial write of line protocol occurred"}`, when: has(bad)}, 1, 41, 20},
		{"400 without a known word", fabricated{status: 400, body: "no, thanks", when: has(bad)}, 1, 41, 25},
		{"422 without a known word", fabricated{status: 422, body: "no, thanks", when: has(bad)}, 1, 41, 25},
		{"500 each time, no word", fabricated{status: 500, body: "panic: out of range", when: has(bad)}, 5, 41, 30},
		{"413 for a large batch", fabricated{status: 413, body: "<html>", when: big}, 1, -1, 70},
		{"413 for one point", fabricated{status: 413, body: "<html>", when: has(bad)}, 1, 41, 25},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDouble(t)
			d.next(tt.fault)
			s := d.sink(t, influx.Config{})
			records := sinktest.Records(sinktest.Start(), 100)
			want := sinktest.Want(records)
			var err error
			for try := range tt.tries {
				err = s.Write(t.Context(), records)
				if _, ok := errors.AsType[*fault.Rejected](err); ok && try < tt.tries-1 {
					t.Fatalf("try %d: %v", try, err)
				}
			}
			if tt.rejected < 0 {
				if err != nil {
					t.Errorf("Write: %v", err)
				}
			} else {
				delete(want, records[tt.rejected].Time.UnixMilli())
				rejected, ok := errors.AsType[*fault.Rejected](err)
				if !ok || len(rejected.Items) != 1 || rejected.Items[0] != tt.rejected || fault.Mend(rejected.Err) == "" {
					t.Fatalf("Write: %v", err)
				}
			}
			got := d.column(t, "enphase_power", "production_w")
			if tt.fault.stored {
				want = sinktest.Want(records)
			}
			if len(got) != len(want) {
				t.Errorf("%d stored, want %d", len(got), len(want))
			}
			if n := d.asked(); n > tt.most {
				t.Errorf("%d requests, want at most %d", n, tt.most)
			}
		})
	}
}

// TestAWholeBadSeriesIsFoundInAFewRequests is the common accident: another
// program wrote a field of ours as an integer.
func TestAWholeBadSeriesIsFoundInAFewRequests(t *testing.T) {
	d := newDouble(t)
	d.types["enphase_energy production_wh"] = "integer"
	s := d.sink(t, influx.Config{})
	records := sinktest.Records(sinktest.Start(), 500)
	err := s.Write(t.Context(), records)
	rejected, ok := errors.AsType[*fault.Rejected](err)
	if !ok || len(rejected.Items) != 500 || !strings.Contains(fault.Mend(err), "another type") {
		t.Fatalf("Write: %v", err)
	}
	if n := len(d.column(t, "enphase_power", "production_w")); n != 500 {
		t.Errorf("%d of the good points stored", n)
	}
	if n := d.asked(); n > 25 {
		t.Errorf("%d requests", n)
	}
}

func TestOlderThanTheRetention(t *testing.T) {
	d := newDouble(t)
	d.retention = time.Hour
	s := d.sink(t, influx.Config{})
	records := append(sinktest.Records(time.Now().Add(-2*time.Hour), 5), sinktest.Records(sinktest.Start(), 5)...)
	rejected, ok := errors.AsType[*fault.Rejected](s.Write(t.Context(), records))
	if !ok || len(rejected.Items) != 5 || rejected.Items[4] != 4 || !strings.Contains(fault.Mend(rejected), "retention") {
		t.Errorf("rejected %v, mend %q", rejected, fault.Mend(rejected))
	}
}

// TestABrokenServerIsNotPoison: 500 to everything stays a passing fault however
// often it comes, and costs few requests.
func TestABrokenServerIsNotPoison(t *testing.T) {
	d := newDouble(t)
	d.next(fabricated{status: 500, body: "out of memory", when: func(string) bool { return true }})
	s := d.sink(t, influx.Config{})
	for range 20 {
		if err := s.Write(t.Context(), sinktest.Records(sinktest.Start(), 50)); !fault.Is(err, fault.Transient) {
			t.Fatalf("Write: %v", err)
		}
	}
	if n := d.asked(); n > 20*4 {
		t.Errorf("%d requests", n)
	}
}

// TestAnInterruptedHuntGoesOn: a server that breaks down in the middle of the
// isolation must neither have good points refused nor start it all over.
func TestAnInterruptedHuntGoesOn(t *testing.T) {
	d := newDouble(t)
	d.next(fabricated{status: 400, body: "no, thanks", when: func(body string) bool {
		return strings.Contains(body, "production_w=3,") || strings.Contains(body, "production_w=97,")
	}})
	s := d.sink(t, influx.Config{})
	records := sinktest.Records(sinktest.Start(), 100)
	count := 0
	d.mu.Lock()
	d.faults = append([]fabricated{{status: 503, when: func(string) bool { count++; return count == 22 }}}, d.faults...)
	d.mu.Unlock()
	if err := s.Write(t.Context(), records); !fault.Is(err, fault.Transient) {
		t.Fatalf("Write: %v", err)
	}
	before := d.asked()
	rejected, ok := errors.AsType[*fault.Rejected](s.Write(t.Context(), records))
	if !ok || len(rejected.Items) != 2 || rejected.Items[0] != 2 || rejected.Items[1] != 96 {
		t.Fatalf("rejected %v", rejected)
	}
	if n := d.asked() - before; n > 25 {
		t.Errorf("%d requests the second time", n)
	}
}

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
