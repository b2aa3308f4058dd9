package derive_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/reading"
)

// device writes one entry of /ivp/pdm/device_data.
func device(name, serial string, active bool, end time.Time, watts float64, lastReading string) string {
	return fmt.Sprintf(`%q:{"devName":%q,"sn":%q,"active":%v,"modGone":true,"channels":[{"watts":{"now":%g,"max":310},"wattHours":{"today":900},
		"lastReading":{"endDate":%d,"duration":300%s},"lifetime":{"joulesProduced":3600000}}]}`, "eid"+serial, name, serial, active, watts, end.Unix(), lastReading)
}

func deviceData(devices ...string) string {
	body := "{"
	for _, d := range devices {
		body += d + ","
	}
	return body + fmt.Sprintf(`"deviceCount":%d,"deviceDataLimit":50}`, len(devices))
}

func TestInverterTakesTheNewerReport(t *testing.T) {
	early, late := noon.Add(-10*time.Minute), noon.Add(-2*time.Minute)
	house := func(list, data time.Time) reading.Inverter {
		_, r := metered.with(answers{
			"/api/v1/production/inverters": "[" + inverter("1", list, 1, 111) + "]",
			"/ivp/pdm/device_data":         deviceData(device("pcu", "1", true, data, 222, "")),
		}).read(t, identity("D8.2.4345"))
		return r.Reading.Inverters[0]
	}
	if i := house(early, late); i.PowerW != reading.Of(222) || !i.Time.Equal(late) || i.MaxPowerW != reading.Of(310) {
		t.Errorf("device_data is newer: %+v", i)
	}
	if i := house(late, early); i.PowerW != reading.Of(111) || !i.Time.Equal(late) {
		t.Errorf("the list is newer: %+v", i)
	}
}

func TestElectricalZerosWhileProducingAreAbsent(t *testing.T) {
	electrical := `,"acVoltageINmV":240000,"acFrequencyINmHz":0,"dcVoltageINmV":32000,"dcCurrentINmA":8000,"acCurrentInmA":0,"channelTemp":0`
	house := func(watts float64) reading.Inverter {
		_, r := metered.with(answers{
			"/api/v1/production/inverters": "",
			"/ivp/pdm/device_data":         deviceData(device("pcu", "1", true, noon, watts, electrical)),
		}).read(t, identity("D8.2.4345"))
		return r.Reading.Inverters[0]
	}
	want := reading.Inverter{Serial: "1", Time: noon, PowerW: reading.Of(200), MaxPowerW: reading.Of(310), TodayWh: reading.Of(900),
		EnergyWh: reading.Of(1000), DCVoltageV: reading.Of(32), DCCurrentA: reading.Of(8), ACVoltageV: reading.Of(240), TemperatureC: reading.Of(0)}
	equal := cmp.Comparer(func(a, b reading.Value) bool { return a == b })
	if diff := cmp.Diff(want, house(200), equal); diff != "" {
		t.Error(diff)
	}
	if night := house(0); night.ACCurrentA != reading.Of(0) || night.FrequencyHz != reading.Of(0) {
		t.Errorf("at night 0 is true: %+v", night)
	}
}

func TestWhichInvertersAreInstalled(t *testing.T) {
	reports := list(
		inverter("new", noon, 1, 200),
		inverter("night", noon.Add(-10*time.Hour), 1, 3),
		inverter("winter", noon.Add(-89*24*time.Hour), 1, 3),
		inverter("retired", noon.Add(-91*24*time.Hour), 1, 3),
		inverter("battery", noon, 11, 200),
		inverter("removed", noon, 1, 200),
		inverter("kept", noon.Add(-91*24*time.Hour), 1, 3),
	)
	_, r := metered.with(answers{
		"/api/v1/production/inverters": reports,
		"/ivp/pdm/device_data": deviceData(device("pcu", "removed", false, noon, 0, ""), device("pcu", "kept", true, noon.Add(-91*24*time.Hour), 0, ""),
			device("pcu", "listed", true, noon, 5, ""), device("nsrb", "relay", true, noon, 0, ""), device("acb", "battery", true, noon, 0, "")),
	}).read(t, identity("D8.2.4345"))
	var got []string
	for _, i := range r.Reading.Inverters {
		got = append(got, i.Serial)
	}
	if diff := cmp.Diff([]string{"kept", "listed", "new", "night", "winter"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestInverterOfTwoChannels(t *testing.T) {
	channel := func(watts int) string {
		return fmt.Sprintf(`{"watts":{"now":%d,"max":200},"wattHours":{"today":50},"lastReading":{"endDate":%d},"lifetime":{"joulesProduced":3600}}`, watts, noon.Unix())
	}
	body := `{"1":{"devName":"pcu","sn":"1","active":true,"channels":[` + channel(100) + "," + channel(90) + `]},"deviceCount":1,"deviceDataLimit":50}`
	_, r := metered.with(answers{"/api/v1/production/inverters": "", "/ivp/pdm/device_data": body}).read(t, identity("D8.2.4345"))
	i := r.Reading.Inverters[0]
	if i.PowerW != reading.Of(190) || i.EnergyWh != reading.Of(2) || i.TodayWh != reading.Of(100) {
		t.Errorf("%+v", i)
	}
}
