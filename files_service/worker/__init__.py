"""What happens behind the calls: announcing changes, processing, cleaning up."""
