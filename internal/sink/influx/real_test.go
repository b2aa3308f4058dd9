package influx_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/parts"
)

// program is a real database on a free loopback port.
type program struct {
	path string
	args []string
	addr string
	ping string
	log  string
	cmd  *exec.Cmd
}

// start starts it and waits until it answers.
func (p *program) start(t testing.TB) {
	t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		resp, err := plain.Get("http://" + p.addr + p.ping)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode/100 == 2 {
				return
			}
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(p.log)
			t.Fatalf("%s does not answer: %v\n%s", filepath.Base(p.path), err, text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// kill ends it as a power cut would.
func (p *program) kill(t testing.TB) {
	t.Helper()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

var plain = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

const (
	adminName     = "envoyd"
	adminPassword = "pass word:1"
)

// startInflux starts InfluxDB 1.8 with logins switched on.
func startInflux(t testing.TB) *program {
	t.Helper()
	path := parts.Find(t, "influxd")
	dir := t.TempDir()
	p := &program{path: path, addr: freePort(t), ping: "/ping", log: filepath.Join(dir, "log")}
	config := fmt.Sprintf(`reporting-disabled = true
bind-address = %q
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
[http]
  bind-address = %q
  auth-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
`, freePort(t), filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), p.addr)
	file := filepath.Join(dir, "influxdb.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = []string{"-config", file}
	p.start(t)
	t.Cleanup(func() { p.kill(t) })
	query(t, p, "", fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s' WITH ALL PRIVILEGES", adminName, adminPassword))
	return p
}

// startVictoria starts VictoriaMetrics as the contract says it is to be run.
func startVictoria(t testing.TB) *program {
	t.Helper()
	path := parts.Find(t, "victoria-metrics")
	dir := t.TempDir()
	p := &program{path: path, addr: freePort(t), ping: "/health", log: filepath.Join(dir, "log")}
	p.args = []string{"-storageDataPath", filepath.Join(dir, "data"), "-httpListenAddr", p.addr,
		"-dedup.minScrapeInterval=1ms", "-retentionPeriod=10y"}
	p.start(t)
	t.Cleanup(func() { p.kill(t) })
	return p
}

type result struct {
	Results []struct {
		Error  string
		Series []struct {
			Columns []string
			Values  [][]json.Number
		}
	}
}

// query runs InfluxQL on 1.8.
func query(t testing.TB, p *program, db, text string) result {
	t.Helper()
	form := url.Values{"q": {text}, "db": {db}, "epoch": {"ms"}}
	resp := post(t, "http://"+p.addr+"/query?"+form.Encode(), "")
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if resp.StatusCode != 200 || json.Unmarshal(body, &r) != nil || len(r.Results) == 0 || r.Results[0].Error != "" {
		t.Fatalf("query %q: %d %s", text, resp.StatusCode, body)
	}
	return r
}

// influxColumn returns a field of a measurement in 1.8.
func influxColumn(t *testing.T, p *program, db, measurement, field string) map[int64]float64 {
	t.Helper()
	r := query(t, p, db, fmt.Sprintf("SELECT %q FROM %q", field, measurement))
	found := map[int64]float64{}
	for _, s := range r.Results[0].Series {
		for _, row := range s.Values {
			at, err := row[0].Int64()
			if err != nil {
				t.Fatal(err)
			}
			if _, twice := found[at]; twice {
				t.Errorf("%s is there twice at %d", field, at)
			}
			if found[at], err = row[1].Float64(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return found
}

// victoriaColumn returns what VictoriaMetrics exports for a selector.
func victoriaColumn(t *testing.T, p *program, selector string) map[int64]float64 {
	t.Helper()
	get := func(path string) io.ReadCloser {
		resp, err := plain.Get("http://" + p.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode/100 != 2 {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		return resp.Body
	}
	_ = get("/internal/force_flush").Close()
	body := get("/api/v1/export?reduce_mem_usage=0&match[]=" + url.QueryEscape(selector))
	defer func() { _ = body.Close() }()
	found := map[int64]float64{}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var series struct {
			Values     []float64
			Timestamps []int64
		}
		if err := json.Unmarshal(lines.Bytes(), &series); err != nil {
			t.Fatal(err)
		}
		for i, at := range series.Timestamps {
			if _, twice := found[at]; twice {
				t.Errorf("%s is there twice at %d", selector, at)
			}
			found[at] = series.Values[i]
		}
	}
	return found
}

// raw writes a line to 1.8 past the sink.
func raw(t *testing.T, p *program, db, text string) {
	t.Helper()
	resp := post(t, "http://"+p.addr+"/write?precision=ms&db="+db, text)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 204 {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("writing past the sink: %s %s", resp.Status, text)
	}
}

// post asks 1.8 as its administrator.
func post(t testing.TB, address, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(adminName, adminPassword)
	resp, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}
