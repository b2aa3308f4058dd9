package answer_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"envoyd/internal/answer"
)

// capturesDir finds shared/captures beside the repository, "" when it is not there.
func capturesDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared", "captures")
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		tb.Fatal("shared/captures is missing beside the repository")
	}
	tb.Log("no shared/captures beside the repository: own seeds only")
	return ""
}

// recorded returns the bodies of every capture whose file name starts with
// one of the names.
func recorded(tb testing.TB, names ...string) [][]byte {
	tb.Helper()
	dir := capturesDir(tb)
	if dir == "" {
		return nil
	}
	var bodies [][]byte
	for _, name := range names {
		files, err := filepath.Glob(filepath.Join(dir, "*", name))
		if err != nil {
			tb.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_log.json") {
				continue
			}
			body, err := os.ReadFile(file)
			if err != nil {
				tb.Fatal(err)
			}
			bodies = append(bodies, body)
		}
	}
	return bodies
}

// seeds of our own, for every parser.
var seeds = []string{
	"", " ", "null", "[]", "{}", "[{}]", `[null,1,"x",{"eid":1}]`, "<html></html>", `{"err":"x"}`, "NaN", "[NaN,-Infinity]", `{"a":"\"NaN`,
}

// fuzz seeds a parser with the captures and our own bodies. It must not panic,
// fail only with ErrShape, and what it accepts must be writable as JSON.
func fuzz[T any](f *testing.F, parse func([]byte) (T, error), own string, files ...string) {
	f.Helper()
	for _, body := range recorded(f, files...) {
		f.Add(body)
	}
	for _, seed := range append(seeds, own) {
		f.Add([]byte(seed))
	}
	if _, err := parse([]byte(own)); err != nil {
		f.Fatalf("the parser's own seed: %v", err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		is, err := parse(body)
		if err != nil {
			if !errors.Is(err, answer.ErrShape) {
				t.Fatalf("%v is no ErrShape", err)
			}
			return
		}
		if _, err := json.Marshal(is); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzHome(f *testing.F) {
	fuzz(f, answer.ParseHome, `{"timezone":"Europe/Paris","network":{"web_comm":"true","last_enlighten_report_time":"5"},"comm":{"pcu":{"num":3,"level":5}}}`, "home")
}

func FuzzMeters(f *testing.F) {
	fuzz(f, answer.ParseMeters, `[{"eid":704643328,"state":"enabled","measurementType":"production","phaseCount":"2","statusFlags":["production-imbalance",7]}]`, "ivp_meters")
}

func FuzzReadings(f *testing.F) {
	fuzz(f, answer.ParseReadings, `[{"eid":704643328,"timestamp":1.5e9,"activePower":-0.000,"channels":[{"eid":1,"voltage":"240"}]}]`, "ivp_meters_readings")
}

func FuzzReports(f *testing.F) {
	fuzz(f, answer.ParseReports, `{"reportType":"production","createdAt":1,"cumulative":{"actPower":1},"lines":[{}]}`, "ivp_meters_reports")
}

func FuzzProduction(f *testing.F) {
	fuzz(f, answer.ParseProduction, `{"production":[{"type":"eim","activeCount":1,"lines":[{"wNow":1}]}],"consumption":null,"storage":[{"type":"acb"}]}`,
		"production.json*", "production")
}

func FuzzPage(f *testing.F) {
	fuzz(f, answer.ParsePage, "<table><tr><td>Currently</td><td>6.63 kW</td></tr></table>", "production", "production.json")
}

func FuzzV1(f *testing.F) {
	fuzz(f, answer.ParseV1, `{"wattHoursToday":"unknown","wattsNow":4294967292,"wattHoursLifetime":1e3}`, "api_v1_production")
}

func FuzzInverters(f *testing.F) {
	fuzz(f, answer.ParseInverters, `[{"serialNumber":122,"lastReportDate":"5","devType":11.0,"lastReportWatts":"7"}]`, "api_v1_production_inverters")
}

func FuzzDeviceData(f *testing.F) {
	fuzz(f, answer.ParseDeviceData, `{"1":{"devName":"pcu","sn":"1","active":true,"channels":[{"lifetime":{"joulesProduced":4904101572}}]},"deviceCount":1}`,
		"ivp_pdm_device_data")
}

func FuzzPDMEnergy(f *testing.F) {
	fuzz(f, answer.ParsePDMEnergy, `{"production":{"pcu":{"wattHoursLifetime":5}}}`, "ivp_pdm_energy")
}

func FuzzEnsemble(f *testing.F) {
	fuzz(f, answer.ParseEnsemble, `[{"type":"ENCHARGE","devices":[{"serial_num":"1","percentFull":"50"}]},{"profile":{}}]`, "ivp_ensemble_inventory")
}

func FuzzEnsemblePower(f *testing.F) {
	fuzz(f, answer.ParseEnsemblePower, `{"devices:":[{"serial_num":"1","real_power_mw":-500000,"soc":"55"}]}`, "ivp_ensemble_power")
}

func FuzzSecCtrl(f *testing.F) {
	fuzz(f, answer.ParseSecCtrl, `{"agg_soc":55,"agg_avail_energy":5,"configured_backup_soc":"20"}`, "ivp_ensemble_secctrl")
}

func FuzzGenerator(f *testing.F) {
	fuzz(f, answer.ParseGenerator, `{"oper_state":"close"}`, "ivp_ensemble_generator")
}

func FuzzGenConfig(f *testing.F) {
	fuzz(f, answer.ParseGenConfig, `{"model":"x"}`, "ivp_ss_gen_config")
}

func FuzzInventory(f *testing.F) {
	fuzz(f, answer.ParseInventory, `[{"type":"ACB","devices":[{"serial_num":"1","last_rpt_date":"1778085741","percentFull":0}]}]`, "inventory", "inventory.json*")
}

func FuzzTariff(f *testing.F) {
	fuzz(f, answer.ParseTariff, `{"tariff":{"storage_settings":{"mode":null,"reserved_soc":"20"}}}`, "admin_lib_tariff")
}

func FuzzLiveData(f *testing.F) {
	fuzz(f, answer.ParseLiveData, `{"connection":{"sc_stream":"enabled"},"meters":{"last_update":1,"soc":5,"storage":{"agg_p_mw":-1}}}`)
}
