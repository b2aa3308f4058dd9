package capture_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/capture"
	"envoyd/internal/fault"

	"github.com/google/go-cmp/cmp"
)

// scripted answers each path with what was written for it, [] otherwise, and
// notes when it was asked for what.
type scripted struct {
	raw   map[string]capture.Raw
	err   map[string]error
	asked []string
	at    []time.Time
	slow  []bool
}

func (s *scripted) Record(_ context.Context, path string, slow bool) (capture.Raw, error) {
	s.asked, s.at, s.slow = append(s.asked, path), append(s.at, time.Now()), append(s.slow, slow)
	if err := s.err[path]; err != nil {
		return capture.Raw{}, err
	}
	if raw, scripted := s.raw[path]; scripted {
		return raw, nil
	}
	return capture.Raw{Status: http.StatusOK, Body: []byte("[]")}, nil
}

func TestEachPageIsAskedOnceAndGently(t *testing.T) {
	for _, firmware := range []string{"3.7.0", "3.9.36", "5.0.62", "7.0.88", "8.3.5528", "10.1.2", ""} {
		t.Run("firmware "+firmware, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{}
				if _, err := capture.Record(t.Context(), capture.Config{Asker: s, Firmware: firmware}); err != nil {
					t.Fatal(err)
				}
				if s.asked[0] != "/info" || len(slices.Compact(slices.Sorted(slices.Values(s.asked)))) != len(s.asked) {
					t.Errorf("asked for %q", s.asked)
				}
				for i := 1; i < len(s.at); i++ {
					pause := s.at[i].Sub(s.at[i-1])
					if pause < time.Second || s.slow[i] && pause < 5*time.Second {
						t.Errorf("%s after %s", s.asked[i], pause)
					}
				}
				for _, path := range s.asked {
					if control.MatchString(path) {
						t.Errorf("asked for %s", path)
					}
				}
			})
		})
	}
}

// control are pages that act, stream or belong to the service role.
var control = regexp.MustCompile(`stream|/ivp/(?:peb|zb|arf|eh|mod|tpm|firmware_manager)|/installer|provision|/auth|network_display|acb_config|/datatab`)

func TestWhatStopsARecording(t *testing.T) {
	away := &fault.Error{Kind: fault.Transient, Err: errors.New("no answer within 10s")}
	refused := &fault.Error{Kind: fault.Auth, Err: errors.New("the gateway refuses the token"), Mend: "envoyd token renew"}
	other := &fault.Error{Kind: fault.Security, Err: errors.New("another gateway answers there")}
	for name, c := range map[string]struct {
		err   map[string]error
		asked int
		is    error
	}{
		"a refused token":   {map[string]error{"/api/v1/production": refused}, 2, refused},
		"another gateway":   {map[string]error{"/info": other}, 1, other},
		"three silent ones": {map[string]error{"/api/v1/production": away, "/api/v1/production/inverters": away, "/ivp/ensemble/dry_contacts": away}, 4, away},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{err: c.err}
			_, err := capture.Record(t.Context(), capture.Config{Asker: s, Firmware: "8.2.4345", Pause: 1})
			if !errors.Is(err, c.is) || len(s.asked) != c.asked {
				t.Errorf("%v after %q", err, s.asked)
			}
		})
	}
	s := &scripted{err: map[string]error{"/api/v1/production": away, "/home": away, "/ivp/livedata/status": away, "/production": away}}
	rec, err := capture.Record(t.Context(), capture.Config{Asker: s, Firmware: "8.2.4345", Pause: 1})
	if err != nil || len(rec.Silent) != 4 || len(rec.Files) != len(s.asked)-4 {
		t.Errorf("silent pages far from each other: %v, %+v", err, rec.Silent)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := capture.Record(ctx, capture.Config{Asker: s, Firmware: "8.2.4345"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a recording that nobody waits for: %v", err)
	}
}

func file(s *capture.Scrubber, path, body string) string {
	return string(s.File(path, capture.Raw{Status: http.StatusOK, Body: []byte(body)}).Body)
}

func TestPlaceholdersJoinThePages(t *testing.T) {
	s := capture.NewScrubber(time.Now())
	info := file(s, "/info", "<envoy_info><device><sn>122333444555</sn></device></envoy_info>")
	if !strings.Contains(info, "<sn>900000000001</sn>") {
		t.Error(info)
	}
	for body, want := range map[string]string{
		`{"serial_nums":{"122333444555":{"device_type":13}}}`: `{"serial_nums":{"900000000001":{"device_type":13}}}`,
		`[{"serialNumber":122333444555}]`:                     `[{"serialNumber":900000000001}]`,
		`{"unit": "122333444555" }`:                           `{"unit": "900000000001" }`,
		`{"unit":122333444555}`:                               `{"unit":900000000001}`,
	} {
		if got := file(s, "/x", body); got != want {
			t.Errorf("%s became %s", body, got)
		}
	}
}

func TestWhatAReportNeedsPasses(t *testing.T) {
	for _, body := range []string{
		`[{"eid":704643328,"state":"enabled","measurementType":"net-consumption","phaseMode":"split","statusFlags":["production-imbalance"]}]`,
		`[{"timestamp":1752974746.0,"actEnergyDlvd":-0.000,"joulesProduced":4904101572,"activePower":-1.044,"now":4294967292}]`,
		`{"img_pnum_running":"2.0.5663_rel/22.13","part_num":"800-01331-r02","fw_version":"0.1.20-D1","swift_asic_fw_version":"001.002.1.7.2"}`,
		`{"created_date":"1750786589","last_rpt_date":"0","date":"2023-06-29 15:50:12 UTC","current_time":"14:53","start":"6/1","days":"Sat,Sun"}`,
		`{"newMeterPower":123456.789,"evChargerState":"idle","der2_flags":15}`, // nobody has seen these
		`{"production":[{"type":"eim","wNow":NaN}]`, // nor what is broken
		`{"dry_contacts":[{"id":"NC1","status":"closed","black_s_start":"true","type":"3RD-PV"}],"devices:":[]}`,
	} {
		if got := file(capture.NewScrubber(time.Now()), "/x", body); got != body {
			t.Errorf("%s became\n%s", body, got)
		}
	}
}

func TestATimeZoneBecomesACommonOne(t *testing.T) {
	summer := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"Europe/Vaduz": "Europe/Berlin", "US/Central": "America/Chicago", "America/Indiana/Knox": "America/Chicago",
		"Australia/Lindeman": "Australia/Brisbane", "America/Phoenix": "America/Phoenix", "Atlantic/Reykjavik": "UTC",
		"Pacific/Kiritimati": "Etc/GMT-14", "Pacific/Marquesas": "Etc/GMT+9", "../../etc/passwd": "text1", "Local": "text1", "Home/Network": "text1",
	} {
		want = `{"timezone":"` + want + `"}`
		if got := file(capture.NewScrubber(summer), "/home", `{"timezone":"`+zone+`"}`); got != want {
			t.Errorf("%s became %s", zone, got)
		}
	}
}

func TestTheFolderHasTheContractsLayout(t *testing.T) {
	s := &scripted{raw: map[string]capture.Raw{
		"/info":                      {Status: 200, Header: http.Header{"Content-Type": {"text/xml"}, "Set-Cookie": {"sessionId=abc"}}, Body: []byte("<envoy_info/>")},
		"/ivp/meters":                {Status: 404, Body: []byte("<html>none</html>")},
		"/production.json?details=1": {Status: 404, Body: []byte("<html>none</html>")},
		"/admin/lib/tariff":          {Status: 401, Body: []byte("<html>Jane's house</html>")},
	}}
	rec, err := capture.Record(t.Context(), capture.Config{Asker: s, Firmware: "5.0.62", Pause: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := rec.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"info_log.json":                     "{\n  \"code\": 200,\n  \"headers\": {\n    \"Content-Type\": \"text/xml\"\n  }\n}\n",
		"ivp_meters_log.json":               "{\n  \"code\": 404,\n  \"headers\": {}\n}\n",
		"production.json":                   "[]",
		"production.json_details_1":         "<html><head><title>404 Not Found</title></head><body></body></html>\n", // else production.json would stand for it
		"admin_lib_tariff":                  "<html><head><title>401 Unauthorized</title></head><body></body></html>\n",
		"admin_lib_tariff_log.json":         "{\n  \"code\": 401,\n  \"headers\": {}\n}\n",
		"api_v1_production_inverters":       "[]",
		"inventory.json_deleted_1_log.json": "{\n  \"code\": 200,\n  \"headers\": {}\n}\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || cmp.Diff(want, string(got)) != "" {
			t.Errorf("%s: %v %s", name, err, cmp.Diff(want, string(got)))
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "ivp_meters")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a page that is not there has a file")
	}
	if err := rec.Write(dir); !fault.Is(err, fault.Config) {
		t.Errorf("written over another: %v", err)
	}
	if err := capture.Vacant(filepath.Join(dir, "info")); err == nil {
		t.Error("a file passes for a folder")
	}
}
