package answer

// Tariff is /admin/lib/tariff, of which we take how the battery is used.
type Tariff struct {
	// Mode is "self-consumption", "economy", "savings-mode", "backup" or empty.
	Mode       Text
	ReservePct Num
}

// ParseTariff parses /admin/lib/tariff. Firmware 4 and 5 have no storage settings.
func ParseTariff(body []byte) (Tariff, error) {
	var t struct {
		Tariff *struct {
			Storage struct {
				Mode       Text `json:"mode"`
				ReservePct Num  `json:"reserved_soc"`
			} `json:"storage_settings"`
		} `json:"tariff"`
	}
	if err := decode(body, '{', &t); err != nil {
		return Tariff{}, err
	}
	if t.Tariff == nil {
		return Tariff{}, ErrShape
	}
	return Tariff{Mode: t.Tariff.Storage.Mode, ReservePct: t.Tariff.Storage.ReservePct}, nil
}
