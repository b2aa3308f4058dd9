package cloud_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"envoyd/internal/sim/cloud"
	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
)

// refusal is the 429.
type refusal struct {
	Message, Details, Period string
	Code, Limit              int
	Start                    int64 `json:"period_start"`
	End                      int64 `json:"period_end"`
}

func (u *user) refusal(path string) refusal {
	u.t.Helper()
	code, text := u.get(path)
	var r refusal
	if err := json.Unmarshal([]byte(text), &r); err != nil || code != 429 {
		u.t.Fatalf("%d %v in %s", code, err, text)
	}
	return r
}

func TestThePlanLimitsMinuteAndMonth(t *testing.T) {
	for plan, want := range map[cloud.Plan][2]int{cloud.Watt: {10, 1000}, cloud.Kilowatt: {50, 50_000}, cloud.Megawatt: {100, 300_000}} {
		at(t, noon(), cloud.Config{Plan: plan}, home.Config{}, func(u *user) {
			for range want[0] {
				if code, text := u.get(""); code != 200 {
					t.Fatalf("%s: %d %s", plan, code, text)
				}
			}
			now := time.Now().Truncate(time.Minute)
			if got := u.refusal(""); got != (refusal{"Too Many Requests", "Usage limit exceeded for plan " + string(plan), "minute", 429, want[0], now.Unix(), now.Unix() + 60}) {
				t.Errorf("%+v", got)
			}
			time.Sleep(time.Minute)
			if code, _ := u.get(""); code != 200 {
				t.Errorf("a minute later: %d", code)
			}
			time.Sleep(time.Minute)
			u.cloud.Spend(want[1] - want[0] - 2)
			if code, _ := u.get(""); code != 200 {
				t.Errorf("the month's last: %d", code)
			}
			june, july := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
			if got := u.refusal(""); got.Period != "month" || got.Limit != want[1] || got.Start != june.Unix() || got.End != july.Unix() {
				t.Errorf("%+v", got)
			}
			if plan != cloud.Watt {
				return // the home would live through the days again
			}
			time.Sleep(time.Until(july))
			u.access = u.cloud.Grant()["access_token"].(string)
			if code, _ := u.get(""); code != 200 {
				t.Errorf("next month: %d", code)
			}
			if a, b := u.cloud.InMonth(june), u.cloud.InMonth(july); a != want[0]+4 || b != 1 {
				t.Errorf("%d and %d counted", a, b)
			}
		})
	}
}

func TestCallsAreCounted(t *testing.T) {
	cfg, house := usual()
	at(t, noon().Add(50*time.Second), cfg, house, func(u *user) {
		for range 3 {
			u.doc(u.own("/latest_telemetry"))
			time.Sleep(5 * time.Second)
		}
		u.doc("")
		r := u.request(http.MethodGet, "")
		r.Header.Set("key", "nobody's")
		u.send(r)
		if n, m := u.cloud.Count("/{id}/latest_telemetry"), u.cloud.Count(""); n != 3 || m != 4 {
			t.Errorf("%d and %d", n, m)
		}
		if n, m, b := u.cloud.InMinute(noon()), u.cloud.InMinute(time.Now()), u.cloud.Busiest(time.Minute); n != 2 || m != 2 || b != 4 {
			t.Errorf("%d, %d, %d", n, m, b)
		}
		if n := u.cloud.Busiest(6 * time.Second); n != 2 {
			t.Errorf("%d in six seconds", n)
		}
	})
}

func TestOtherShapesOfARefusal(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		u.cloud.Fail(cloud.MinuteLimit, fault.Options{})
		u.cloud.Fail(cloud.Bare429, fault.Options{Count: 1})
		if got := u.refusal(""); got.Code != 429 || got.Period != "" || got.End != 0 {
			t.Errorf("%+v", got)
		}
		u.cloud.Fail(cloud.Partner429, fault.Options{Count: 1})
		if code, text := u.get(""); code != 429 || !strings.HasPrefix(text, `{"message":["Usage limit exceeded`) || !strings.Contains(text, `"reason":"429"`) {
			t.Errorf("%d %s", code, text)
		}
		u.cloud.Mend(cloud.MinuteLimit)
		u.cloud.Fail(cloud.MonthLimit, fault.Options{Count: 1})
		if got := u.refusal(""); got.Period != "month" {
			t.Errorf("%+v", got)
		}
	})
}

func TestKeyAndTokenMustBelongTogether(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		for name, tt := range map[string]struct {
			key, query, token string
			want              int
			says              string
		}{
			"header":        {u.cloud.Key(), "", u.access, 200, "systems"},
			"query":         {"", "?key=" + u.cloud.Key(), u.access, 200, "systems"},
			"no key":        {"", "", u.access, 401, "API key is invalid"},
			"wrong key":     {"x", "", u.access, 401, "API key is invalid"},
			"other's key":   {u.cloud.OtherKey(), "", u.access, 401, "does not match the client"},
			"no token":      {u.cloud.Key(), "", "", 401, "User is not authorized"},
			"unknown token": {u.cloud.Key(), "", "x", 401, "User is not authorized"},
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v4/systems"+tt.query, http.NoBody)
			r.Header.Set("key", tt.key)
			r.Header.Set("Authorization", "Bearer "+tt.token)
			if w, _ := u.send(r); w.Code != tt.want || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	})
}

func TestErrorsOfTheSystem(t *testing.T) {
	cfg, house := usual()
	at(t, noon(), cfg, house, func(u *user) {
		for path, want := range map[string]string{
			fmt.Sprintf("/%d/summary", u.cloud.System()+1): `403 {"code":403,"details":"Not authorized to access this resource","message":"Forbidden"}`,
			"/77/summary":     `404 {"code":404,"details":"System not found for {:id=\u003e\"77\"}","message":"Not Found"}`,
			"/x":              "404 ",
			u.own("/nothing"): "404 ",
			"?size=101":       "400 ",
			"?page=x":         "400 ",
			"/retrieve_system_id?serial_num=111111111111":                       "404 ",
			u.own("/telemetry/battery?granularity=year"):                        "400 ",
			u.own("/telemetry/battery?start_at=x"):                              "422 ",
			u.own("/telemetry/battery?start_date=2026-13-01"):                   "422 ",
			u.own("/telemetry/production_meter?start_date=2026-06-22"):          "422 ",
			u.own("/telemetry/production_meter?start_date=2024-06-20"):          "422 ",
			u.own("/telemetry/production_micro?granularity=week"):               "422 ",
			u.own("/energy_import_telemetry?granularity=week"):                  "422 ",
			u.own("/energy_lifetime?end_date=2026-06-22"):                       "422 ",
			u.own("/energy_lifetime?start_date=2026-06-02&end_date=2026-06-01"): "422 ",
			u.own("/rgm_stats?start_at=1780000000&end_at=1790000000"):           "422 ",
			u.own("/summary?summary_date=2026-06-22"):                           "422 ",
		} {
			code, text := u.get(path)
			if got := strings.TrimSpace(fmt.Sprint(code, " ", text)); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		if w, _ := u.send(u.request(http.MethodPost, "")); w.Code != 405 || !strings.Contains(w.Body.String(), `{"message":["Method Not Allowed"],"reason":"405"}`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		u.cloud.Uncover(true)
		if code, _ := u.get(u.own("/summary")); code != 403 {
			t.Errorf("uncovered: %d", code)
		}
		if doc := u.doc(""); doc["total"] != 0.0 {
			t.Errorf("uncovered: %v", doc)
		}
	})
}

func TestWhatThePlanLeavesOutIsNotAuthorized(t *testing.T) {
	cfg, house := usual()
	cfg.Plan = cloud.Watt
	at(t, noon(), cfg, house, func(u *user) {
		for path, want := range map[string][3]int{ // Watt, Kilowatt, Megawatt
			"/latest_telemetry": {200, 200, 200}, "/telemetry/battery": {200, 200, 200}, "/devices/micros/telemetry": {401, 200, 200},
		} {
			for i, plan := range []cloud.Plan{cloud.Watt, cloud.Kilowatt, cloud.Megawatt} {
				u.cloud.SetPlan(plan)
				if code, _ := u.get(u.own(path)); code != want[i] {
					t.Errorf("%s on %s: %d", path, plan, code)
				}
			}
		}
		if code, _ := u.get(fmt.Sprintf("/config/%d/grid_status", u.cloud.System())); code != 200 {
			t.Errorf("configuration on Megawatt: %d", code)
		}
		u.cloud.SetPlan(cloud.Kilowatt)
		if code, _ := u.get(fmt.Sprintf("/config/%d/grid_status", u.cloud.System())); code != 401 {
			t.Errorf("configuration on Kilowatt: %d", code)
		}
	})
}

func TestFailures(t *testing.T) {
	for failure, want := range map[cloud.Failure]string{
		cloud.HTML: "200 <!DOCTYPE", cloud.Empty: "200 ", cloud.Unauthorized: `401 {"code":401`, cloud.Forbidden: `403 {"code":403`,
		cloud.NotFound: `404 {"code":404`, cloud.Invalid: `422 {"code":422`, cloud.Broken: `500 {"code":500`,
		cloud.BrokenOdd: `500 {"errorCode":7,"errorMessages":[`, cloud.BadGateway: "502 <!DOCTYPE", cloud.Unavailable: "503 <!DOCTYPE",
	} {
		t.Run(string(failure), func(t *testing.T) {
			at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
				u.cloud.Fail(failure, fault.Options{Count: 1, Path: "/api/v4/"})
				code, text := u.get("")
				if got := fmt.Sprint(code, " ", text); !strings.HasPrefix(got, want) || (want == "200 " && text != "") {
					t.Errorf("%.80s, want %s", got, want)
				}
				if code, _ := u.get(""); code != 200 {
					t.Errorf("it did not end: %d", code)
				}
			})
		})
	}
}

func TestSlowAndHalfAnswers(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		u.cloud.Fail(cloud.Slow, fault.Options{Count: 1})
		began := time.Now()
		if code, _ := u.get(""); code != 200 || time.Since(began) != 20*time.Second {
			t.Errorf("slow: %d after %s", code, time.Since(began))
		}
		u.cloud.Fail(cloud.Cut, fault.Options{Count: 1})
		w, aborted := u.send(u.request(http.MethodGet, ""))
		if !aborted || w.Code != 200 || w.Body.Len() == 0 || json.Valid(w.Body.Bytes()) {
			t.Errorf("cut: %t %d %s", aborted, w.Code, w.Body)
		}
		u.cloud.Fail(cloud.Cut, fault.Options{Count: 1, Path: "/oauth/token"})
		if code, _ := u.get(""); code != 200 {
			t.Errorf("another path was cut: %d", code)
		}
	})
}

func TestSwitchesOverHTTP(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		turn := func(method, name string) int {
			w, _ := u.send(httptest.NewRequestWithContext(t.Context(), method, "/_sim/cloud/"+name, http.NoBody))
			return w.Code
		}
		for _, f := range cloud.Failures() {
			if code := turn("POST", string(f)+"?for=60s&count=2&path=/nowhere"); code != 200 {
				t.Errorf("%s: %d", f, code)
			}
		}
		for _, name := range []string{"clear", "spend?hits=5", "plan?plan=Kilowatt", "silence", "silence?on=false", "uncover", "uncover?on=false", "strict", "strict?on=false", "revoke", "expire?all=true"} {
			if code := turn("POST", name); code != 200 {
				t.Errorf("%s: %d", name, code)
			}
		}
		if code := turn("GET", "state"); code != 200 || u.cloud.Plan() != cloud.Kilowatt {
			t.Errorf("state: %d, %s", code, u.cloud.Plan())
		}
		for _, bad := range []string{"nothing", "spend", "plan?plan=x", "html?for=x"} {
			if code := turn("POST", bad); code != 400 {
				t.Errorf("%s: %d", bad, code)
			}
		}
		if code := turn("GET", "html"); code != 405 {
			t.Errorf("GET html: %d", code)
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/_sim/cloud/html", http.NoBody)
		r.RemoteAddr = "192.168.1.5:1000"
		w := httptest.NewRecorder()
		u.mux.ServeHTTP(w, r)
		if w.Code != 403 {
			t.Errorf("another machine: %d", w.Code)
		}
	})
}
