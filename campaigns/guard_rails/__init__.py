"""Guard rails, and the gate that holds each job of a campaign to them."""
