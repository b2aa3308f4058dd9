package answer

import (
	"encoding/json"
	"slices"
	"strings"
)

// DeviceData is /ivp/pdm/device_data: the details of each device, from
// firmware 8.2.4xxx on.
type DeviceData struct {
	Devices []Device // by serial number
	Count   int
	Limit   int // the list is cut at this many; 50 on all that were seen
}

// Names of a Device.
const (
	DevicePCU = "pcu" // microinverter
	DeviceACB = "acb" // AC Battery
)

// Device is one entry. Active false marks a removed one; modGone does not, it
// is true for healthy inverters at night and is not read.
type Device struct {
	Name     Text            `json:"devName"`
	Serial   Serial          `json:"sn"`
	Active   Flag            `json:"active"`
	Channels []DeviceChannel `json:"channels"`
}

// DeviceChannel is one channel of a device. Names as the firmware writes them,
// in thousandths of the unit.
type DeviceChannel struct {
	Watts struct {
		Now Num `json:"now"`
		Max Num `json:"max"`
	} `json:"watts"`
	WattHours struct {
		Today Num `json:"today"`
	} `json:"wattHours"`
	Last struct {
		End          Epoch `json:"endDate"`
		DurationS    Num   `json:"duration"`
		ACVoltageMV  Num   `json:"acVoltageINmV"`
		ACFreqMHz    Num   `json:"acFrequencyINmHz"`
		DCVoltageMV  Num   `json:"dcVoltageINmV"`
		DCCurrentMA  Num   `json:"dcCurrentINmA"`
		ACCurrentMA  Num   `json:"acCurrentInmA"`
		TemperatureC Num   `json:"channelTemp"`
	} `json:"lastReading"`
	Lifetime struct {
		Joules Joules `json:"joulesProduced"` // does not wrap
	} `json:"lifetime"`
}

// ParseDeviceData parses /ivp/pdm/device_data.
func ParseDeviceData(body []byte) (DeviceData, error) {
	var members map[string]json.RawMessage
	if err := decode(body, '{', &members); err != nil {
		return DeviceData{}, err
	}
	var head struct {
		Count Int `json:"deviceCount"`
		Limit Int `json:"deviceDataLimit"`
	}
	if _, ok := members["deviceCount"]; !ok {
		return DeviceData{}, ErrShape
	}
	if err := decode(body, '{', &head); err != nil {
		return DeviceData{}, err
	}
	data := DeviceData{Count: int(head.Count), Limit: int(head.Limit)}
	for _, raw := range members {
		var d Device
		if decode(raw, '{', &d) == nil && d.Name != "" && d.Serial != "" {
			data.Devices = append(data.Devices, d)
		}
	}
	slices.SortFunc(data.Devices, func(a, b Device) int {
		return strings.Compare(string(a.Serial), string(b.Serial))
	})
	return data, nil
}

// Complete reports whether every device is in the list.
func (d DeviceData) Complete() bool { return d.Limit <= 0 || d.Count < d.Limit }
