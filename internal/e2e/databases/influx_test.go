package databases_test

import (
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

	"envoyd/internal/e2e"
	"envoyd/internal/parts"
)

// influxd is a real InfluxDB 1.8 on a free port, with logins switched on.
type influxd struct {
	addr, config string
	cmd          *exec.Cmd
}

const (
	databaseUser     = "solar"
	databasePassword = "the-good-password"
)

func startInflux(t *testing.T) *influxd {
	t.Helper()
	dir := t.TempDir()
	i := &influxd{addr: freePort(t), config: filepath.Join(dir, "influxdb.conf")}
	text := fmt.Sprintf(`reporting-disabled = true
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
`, freePort(t), filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), i.addr)
	if err := os.WriteFile(i.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	i.start(t)
	t.Cleanup(i.kill)
	i.query(t, fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s' WITH ALL PRIVILEGES", databaseUser, databasePassword))
	i.query(t, "CREATE DATABASE solar")
	return i
}

func (i *influxd) start(t *testing.T) {
	t.Helper()
	i.cmd = exec.Command(parts.Find(t, "influxd"), "-config", i.config)
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e2e.WaitFor(t, "influxd to answer", func() bool {
		resp, err := http.Get("http://" + i.addr + "/ping")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusNoContent
	})
}

// kill ends it as a power cut would.
func (i *influxd) kill() {
	if i.cmd != nil {
		_ = i.cmd.Process.Kill() // it may have ended
		_ = i.cmd.Wait()
		i.cmd = nil
	}
}

// section is the influx section for it, by way of address.
func (i *influxd) section(address string) string {
	return fmt.Sprintf("influx: {url: \"http://%s\", bucket: solar, username: %s, password: %s}\n", address, databaseUser, databasePassword)
}

type rows struct {
	Results []struct {
		Error  string
		Series []struct {
			Tags    map[string]string
			Columns []string
			Values  [][]any
		}
	}
}

func (i *influxd) query(t *testing.T, text string) rows {
	t.Helper()
	form := url.Values{"q": {text}, "db": {"solar"}, "epoch": {"ms"}}
	req, err := http.NewRequest(http.MethodPost, "http://"+i.addr+"/query?"+form.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(databaseUser, databasePassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var r rows
	if json.Unmarshal(body, &r) != nil || len(r.Results) != 1 || r.Results[0].Error != "" {
		t.Fatalf("%s: %s %s", text, resp.Status, body)
	}
	return r
}

func (i *influxd) points(t *testing.T, measurement string) []point {
	t.Helper()
	var found []point
	for _, s := range i.query(t, fmt.Sprintf("SELECT * FROM %q GROUP BY *", measurement)).Results[0].Series {
		for _, row := range s.Values {
			p := point{series: fmt.Sprint(measurement, s.Tags), ms: int64(row[0].(float64)), fields: map[string]float64{}}
			for n, name := range s.Columns[1:] {
				if value, ok := row[n+1].(float64); ok {
					p.fields[name] = value
				}
			}
			found = append(found, p)
		}
	}
	return found
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only to learn a number
	return strings.Clone(l.Addr().String())
}
