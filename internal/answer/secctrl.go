package answer

// SecCtrl is /ivp/ensemble/secctrl, the batteries as a whole. Without
// batteries everything is 0.
type SecCtrl struct {
	SoCPct             Num `json:"agg_soc"` // IQ and AC Batteries together
	EnchargeSoCPct     Num `json:"ENC_agg_soc"`
	EnchargeWh         Num `json:"ENC_agg_avail_energy"`
	EnchargeCapacityWh Num `json:"Enc_max_available_capacity"`
	ACBSoCPct          Num `json:"ACB_agg_soc"`
	ACBWh              Num `json:"ACB_agg_energy"`
	MaxWh              Num `json:"Max_energy"` // capacity of both together
	OldAvailableWh     Num `json:"agg_avail_energy"`
	ReservePct         Num `json:"configured_backup_soc"`
}

// ParseSecCtrl parses /ivp/ensemble/secctrl.
func ParseSecCtrl(body []byte) (SecCtrl, error) {
	var s SecCtrl
	if err := decode(body, '{', &s); err != nil {
		return SecCtrl{}, err
	}
	if !s.SoCPct.Known() && !s.EnchargeSoCPct.Known() && !s.ReservePct.Known() {
		return SecCtrl{}, ErrShape
	}
	s.EnchargeWh.Value = s.EnchargeWh.Else(s.OldAvailableWh.Value) // the name on 7.0.88
	return s, nil
}
