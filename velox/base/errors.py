"""Named errors: each says which part failed and whether trying again can help."""

# What a message says where not the content of a file was the trouble.
CANNOT_BE_READ = "cannot be read"


class VeloxError(Exception):
    """Base of every error that Velox raises on purpose."""


class SettingError(VeloxError):
    """A setting has a value that is not allowed; the message names the variable and the value."""


class StartupTimeout(VeloxError):
    """Something the process needs (broker, topic, database, model) did not appear in time."""


class CheckpointError(VeloxError):
    """A checkpoint or its class list cannot be used; the message names the file."""


class AccuracyTooLow(VeloxError):
    """The trained model is not good enough; it is kept under another name than MODEL_PATH."""


class TrainingFailed(VeloxError):
    """Training cannot go on, so no checkpoint was written."""


class BadImage(VeloxError):
    """One record's bytes are not an image that can be classified."""


class UndecodableImage(BadImage):
    """The bytes are empty, truncated or in no format that OpenCV reads."""


class ImageTooLarge(BadImage):
    """The image claims more pixels than allowed (a decompression bomb, perhaps)."""


class OutOfMemory(VeloxError):
    """The process has no memory for an image that is within the bounds: no record is at fault."""


class InferenceFailed(VeloxError):
    """The model failed on this one image, alone in its batch."""


class EngineOutOfMemory(VeloxError):
    """The device had no memory for a batch of this size; a smaller one may fit."""


class EngineBroken(VeloxError):
    """The model fails whatever the image is: the process cannot go on."""


class StoreUnavailable(VeloxError):
    """The store cannot be reached now; nothing was lost and trying again can help."""


class StoreUnclear(VeloxError):
    """The store failed in a way that is in no table; one by one shows which document it is."""


class StoreRefuses(VeloxError):
    """The store takes nothing until somebody changes it or a setting; the message says what."""


class DocumentRejected(VeloxError):
    """The store refuses this one document for good."""


class BrokerUnavailable(VeloxError):
    """The broker did not acknowledge in time; trying again can help."""


class MessageRefused(VeloxError):
    """A topic of ours refuses this one message for good."""


class PollerFailed(VeloxError):
    """The Kafka client reported an error that no retry can mend."""


class SendFailed(VeloxError):
    """The Kafka client cannot send any more, whatever is tried."""
