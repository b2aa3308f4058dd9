package enlighten_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fault"
)

const window = 10 * time.Hour

func pastWindow() enlighten.Window {
	return enlighten.Window{From: time.Now().Add(-window), To: time.Now()}
}

func TestEachFailureIsClassified(t *testing.T) {
	const echo = "echo-of-the-cloud"
	for name, c := range map[string]struct {
		status int
		body   string
		kind   fault.Kind
		want   error
		mend   string
	}{
		"401 for good":     {401, `{"message":"Not Authorized","details":"` + echo + `","code":401}`, fault.Unsupported, enlighten.ErrNotAllowed, "access controls"},
		"401 for the key":  {401, `{"message":"Not Authorized","details":"API key does not belong to client","code":401}`, fault.Config, enlighten.ErrWrongKey, "api_key_file"},
		"403":              {403, `{"message":"Forbidden","details":"` + echo + `","code":403}`, fault.Unsupported, enlighten.ErrNotCovered, "system_id"},
		"404":              {404, `{"message":"Not Found","details":"System not found","code":404}`, fault.Config, enlighten.ErrUnknownSystem, "system_id"},
		"404 as HTML":      {404, `<html>` + echo, fault.Config, enlighten.ErrUnknownSystem, "system_id"},
		"405":              {405, `{"reason":"405","message":["` + echo + `"]}`, fault.Unsupported, enlighten.ErrNotAllowed, ""},
		"422 in future":    {422, `{"message":"Unprocessable Entity","details":"Requested date is in the future","code":422}`, fault.Transient, enlighten.ErrRange, "date and time"},
		"500":              {500, `{"errorCode":7,"errorMessages":["` + echo + `"]}`, fault.Transient, enlighten.ErrUpstream, "tries again"},
		"501":              {501, `{"reason":"501","message":["x"]}`, fault.Unsupported, enlighten.ErrNotAllowed, ""},
		"503 as HTML":      {503, `<html>` + echo, fault.Transient, enlighten.ErrUpstream, ""},
		"302":              {302, ``, fault.Transient, enlighten.ErrUpstream, ""},
		"200 with HTML":    {200, `<html>` + echo + `</html>`, fault.Transient, enlighten.ErrUpstream, ""},
		"200 cut":          {200, `{"devices":{"meters":[{"name":"produ`, fault.Transient, enlighten.ErrUpstream, ""},
		"200 empty":        {200, ``, fault.Transient, enlighten.ErrUpstream, ""},
		"200 without data": {200, `{"devices":{"meters":[{"name":"production","power":null}]}}`, fault.Transient, enlighten.ErrNoData, "internet"},
		"200 of no shape":  {200, `{"devices":[1,2]}`, fault.Transient, enlighten.ErrNoData, ""},
		"200 as array":     {200, `[1,2]`, fault.Transient, enlighten.ErrUpstream, ""},
		"200 without end":  {200, `"` + strings.Repeat("x", 9<<20) + `"`, fault.Transient, enlighten.ErrUpstream, ""},
		"429 minute":       {429, `{"message":"Too Many Requests","period":"minute","period_end":"946728030","limit":10}`, fault.Transient, enlighten.ErrLimit, ""},
		"429 of partners":  {429, `{"reason":"429","message":["Usage limit exceeded"]}`, fault.Transient, enlighten.ErrLimit, ""},
		"429 month":        {429, `{"period":"month","period_end":949363200,"limit":1000}`, fault.Transient, enlighten.ErrLimit, "2000-02-01"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t)
				cl := a.connected(t)
				time.Sleep(12 * time.Hour)
				for _, path := range []string{"/latest_telemetry", "/telemetry/production_meter", "/summary"} {
					a.say("/77"+path, c.status, c.body)
				}
				_, err := cl.Latest(t.Context(), time.Now())
				if !errors.Is(err, c.want) || fault.KindOf(err) != c.kind || !strings.Contains(fault.Mend(err), c.mend) {
					t.Errorf("got %v (%v, mend %q)", err, fault.KindOf(err), fault.Mend(err))
				}
				for _, s := range []string{echo, key, pass, "access-", "refresh-"} {
					if strings.Contains(fmt.Sprint(err, fault.Mend(err)), s) {
						t.Errorf("%q in %v", s, err)
					}
				}
			})
		})
	}
}

func TestAnExpiredTokenIsReplacedOnceAndTheCallRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		cl := a.connected(t)
		a.say("/77/latest_telemetry", 200, `{"devices":{"meters":[{"name":"production","last_report_at":946684800,"power":5}]}}`)
		time.Sleep(time.Hour)
		a.access = 50 // what we have was revoked
		if _, err := cl.Latest(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if n := len(a.calls()); n != 2 || a.access != 51 {
			t.Errorf("%d calls, token %d", n, a.access)
		}
	})
}

func TestAnEndpointThatIsNotOursIsLeftAloneForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		cl := a.connected(t)
		a.say("/77/telemetry/battery", 401, `{"message":"Not Authorized"}`)
		for _, p := range []string{"telemetry/production_meter", "telemetry/consumption_meter", "energy_import_telemetry", "energy_export_telemetry"} {
			a.say("/77/"+p, 200, `{"intervals":[]}`)
		}
		count := func() (battery int) {
			time.Sleep(2 * time.Minute)
			span, err := cl.Intervals(t.Context(), pastWindow())
			if err != nil || len(span.Missing) != 1 || span.Missing[0] != "telemetry/battery" {
				t.Fatalf("span %+v, err %v", span, err)
			}
			for _, asked := range a.calls() {
				if strings.Contains(asked, "battery") {
					battery++
				}
			}
			return battery
		}
		time.Sleep(12 * time.Hour)
		if first, again := count(), count(); first == 0 || again != 0 {
			t.Errorf("asked %d, then %d times", first, again)
		}
		time.Sleep(24 * time.Hour)
		if count() == 0 {
			t.Error("never asked again")
		}
	})
}

func TestASlowCloudIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		cl := a.connected(t)
		a.do("/77/latest_telemetry", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		began := time.Now()
		_, err := cl.Latest(t.Context(), time.Now())
		if !errors.Is(err, enlighten.ErrUpstream) || strings.Contains(err.Error(), "secret-url") || time.Since(began) > 30*time.Second {
			t.Errorf("err %v after %v", err, time.Since(began))
		}
	})
}

func TestHalfAnAnswerOverARealConnection(t *testing.T) {
	a := newAPI(t)
	server := httptest.NewServer(a)
	defer server.Close()
	cl := a.client(t, func(c *enlighten.Config) { c.URL, c.Transport = server.URL, nil })
	defer cl.Close()
	if _, err := cl.Connect(t.Context(), enlighten.Consent{Code: "abc", Gateways: []string{serial}}); err != nil {
		t.Fatal(err)
	}
	a.do("/77/latest_telemetry", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"devices":`))
	})
	if _, err := cl.Latest(t.Context(), time.Now()); !errors.Is(err, enlighten.ErrUpstream) || fault.KindOf(err) != fault.Transient {
		t.Errorf("err %v", err)
	}
	server.CloseClientConnections()
}

func TestTooEarlyCostsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		cl := a.connected(t)
		a.say("/77/latest_telemetry", 200, `{"devices":{"meters":[{"name":"production","last_report_at":946684800,"power":5}]}}`)
		since := time.Now()
		if _, err := cl.Latest(t.Context(), since); err != nil {
			t.Fatal(err)
		}
		_, err := cl.Latest(t.Context(), since)
		if !errors.Is(err, budget.ErrSpent) || !enlighten.IsBudget(err) || fault.After(err) < 14*time.Minute || len(a.calls()) != 1 {
			t.Errorf("err %v", err)
		}
	})
}
