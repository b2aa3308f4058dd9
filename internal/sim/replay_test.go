package sim_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"envoyd/internal/parts"
	"envoyd/internal/sim"
	"envoyd/internal/sim/jwt"
)

func TestEveryCaptureIsReplayedByteForByte(t *testing.T) {
	root := parts.Captures(t)
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.IsDir() {
			t.Run(f.Name(), func(t *testing.T) {
				t.Parallel()
				replayAll(t, filepath.Join(root, f.Name()))
			})
		}
	}
}

// replayAll asks for each recorded file.
func replayAll(t *testing.T, dir string) {
	t.Helper()
	c := start(t, sim.Config{Capture: dir})
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_log.json") || strings.HasPrefix(f.Name(), "_") {
			continue
		}
		want, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		res, body := c.ask("GET", pathOf(f.Name()))
		if body != string(want) {
			t.Errorf("%s: %d bytes instead of %d, %.60q", f.Name(), len(body), len(want), body)
		}
		checkLog(t, filepath.Join(dir, f.Name()+"_log.json"), res)
	}
	if res, body := c.ask("GET", "/not/recorded"); res.StatusCode != 404 || !strings.HasPrefix(body, "<html>") {
		t.Errorf("a missing file: %s %.40q", res.Status, body)
	}
}

// pathOf turns a file's name into the path it was recorded from.
func pathOf(name string) string {
	name = strings.Replace(name, "production.json_details_1", "production.json?details=1", 1)
	name = strings.Replace(name, "inventory.json_deleted_1", "inventory.json?deleted=1", 1)
	for _, keep := range []string{"device_data", "dry_contacts", "dry_contact_settings", "gen_config", "gen_schedule", "gen_mode", "pel_settings"} {
		name = strings.ReplaceAll(name, keep, strings.ReplaceAll(keep, "_", "\x00"))
	}
	return "/" + strings.ReplaceAll(strings.ReplaceAll(name, "_", "/"), "\x00", "_")
}

// checkLog compares status and headers with the recorded ones.
func checkLog(t *testing.T, file string, res *http.Response) {
	t.Helper()
	log := struct {
		Code    int
		Headers map[string]string
	}{Code: 200}
	if data, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(data, &log); err != nil {
			t.Fatal(err)
		}
	}
	if res.StatusCode != log.Code {
		t.Errorf("%s: %s, recorded %d", file, res.Status, log.Code)
	}
	for name, want := range log.Headers {
		switch strings.ToLower(name) {
		case "content-length", "connection", "transfer-encoding":
			continue
		}
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q, recorded %q", file, name, got, want)
		}
	}
	if _, typed := log.Headers["content-type"]; !typed && log.Headers["Content-Type"] == "" && res.Header.Get("Content-Type") != "" {
		t.Errorf("%s: the type %q was never recorded", file, res.Header.Get("Content-Type"))
	}
}

// recording writes a small capture of our own.
func recording(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const infoOf7 = "<envoy_info><device><sn>122333444555</sn><software>D7.6.175</software></device><web-tokens>true</web-tokens></envoy_info>"

func TestReplayFallsBackAndRenames(t *testing.T) {
	dir := recording(t, map[string]string{
		"info": infoOf7, "production.json": `{"production":[]}`, "ivp_meters": `[{"sn":"122333444555"}]`,
		"home": "{}", "home_log.json": `{"code": 403, "headers": {"X-Odd": "a", "Transfer-Encoding": "chunked"}}`,
	})
	c := start(t, sim.Config{Capture: dir, Serial: "999888777666"})
	if _, body := c.ask("GET", "/production.json?details=1"); body != `{"production":[]}` {
		t.Errorf("no fallback: %q", body)
	}
	if _, body := c.ask("GET", "/ivp/meters"); body != `[{"sn":"999888777666"}]` {
		t.Errorf("the serial was not replaced: %q", body)
	}
	if _, body := c.ask("GET", "/info.xml"); !strings.Contains(body, "<sn>999888777666</sn>") {
		t.Errorf("info: %q", body)
	}
	if res, _ := c.ask("GET", "/home"); res.StatusCode != 403 || res.Header.Get("X-Odd") != "a" {
		t.Errorf("home: %s %v", res.Status, res.Header)
	}
	for _, path := range []string{"/../info", "/home_log.json", "/%2e%2e/etc/passwd"} {
		if res, _ := c.ask("GET", path); res.StatusCode != 404 {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

func TestReplayTakesTokensOfOthersForItsSerialOnly(t *testing.T) {
	c := start(t, sim.Config{Capture: recording(t, map[string]string{"info": infoOf7, "ivp_meters": "[]"})})
	forger, err := jwt.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	for serial, want := range map[string]int{"122333444555": 200, "122333444556": 401} {
		token, err := forger.Issue(serial, jwt.Owner, "somebody")
		if err != nil {
			t.Fatal(err)
		}
		c.bearer, c.cookie = token, ""
		if res, _ := c.ask("GET", "/auth/check_jwt"); res.StatusCode != want {
			t.Errorf("token for %s: %s", serial, res.Status)
		}
	}
	c.bearer, c.cookie = "", ""
	if res, _ := c.ask("GET", "/ivp/meters"); res.StatusCode != 401 {
		t.Errorf("without a session: %s", res.Status)
	}
}

func TestRecordedSessionCookieStandsForTheSession(t *testing.T) {
	c := start(t, sim.Config{Capture: recording(t, map[string]string{
		"info": infoOf7, "ivp_meters": "[]",
		"ivp_meters_log.json": `{"code": 200, "headers": {"Set-Cookie": "sessionId=REDACTED; Secure; HttpOnly; path=/"}}`,
	})})
	c.ask("GET", "/ivp/meters")
	c.bearer, c.cookie = "", "REDACTED"
	if res, _ := c.ask("GET", "/ivp/meters"); res.StatusCode != 200 {
		t.Errorf("with the recorded cookie: %s", res.Status)
	}
}

func TestBrokenCapturesAreNamed(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no info":          {"production.json": "{}"},
		"info without who": {"info": "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := recording(t, files)
			if s, err := sim.Start(sim.Config{Capture: dir}); err == nil {
				t.Error("it was opened", s.Close())
			} else if !strings.Contains(err.Error(), dir) {
				t.Errorf("the folder is not named: %v", err)
			}
		})
	}
}
