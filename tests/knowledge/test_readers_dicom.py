"""DICOM: pixels as a picture, and nothing of the header that could name a person anywhere on disk."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import VidenceError
from core.images import ImageStore
from knowledge.collections import Collections
from knowledge.readers.context import ReadContext
from knowledge.readers.dicom import dicom_document, render
from tests.support.hash_embedder import HashEmbedder

pydicom = pytest.importorskip("pydicom")
FILES = Path(pydicom.__file__).parent / "data" / "test_files"

# The text elements of PS3.15 table E.1-1 (Basic Application Level Confidentiality Profile).
IDENTIFYING = """
AccessionNumber AcquisitionComments AdditionalPatientHistory AdmissionID
AdmittingDiagnosesDescription Allergies Arbitrary AuthorObserverSequence BranchOfService CassetteID
CommentsOnThePerformedProcedureStep ConfidentialityConstraintOnPatientDataDescription
ContrastBolusAgent CountryOfResidence CurrentPatientLocation DerivationDescription DeviceDescription
DeviceSerialNumber DeviceSettingDescription DischargeDiagnosisDescription
FillerOrderNumberImagingServiceRequest FrameComments GantryID GeneratorID IdentifyingComments
ImageComments ImagePresentationComments ImagingServiceRequestComments InstitutionAddress
InstitutionName InstitutionalDepartmentName InsurancePlanIdentification InterpretationAuthor
InterpretationText InterpretationTranscriber IssuerOfAdmissionID IssuerOfPatientID MedicalAlerts
MedicalRecordLocator MilitaryRank NameOfPhysiciansReadingStudy Occupation OperatorsName
OtherPatientIDs OtherPatientNames ParticipantType PatientAddress PatientBirthName PatientComments
PatientID PatientInstitutionResidence PatientMotherBirthName PatientName PatientReligiousPreference
PatientState PatientTelephoneNumbers PerformedLocation PerformedProcedureStepDescription
PerformedProcedureStepID PerformedStationAETitle PerformedStationName PerformingPhysicianName
PersonName PersonAddress PersonTelephoneNumbers PhysiciansOfRecord
PlacerOrderNumberImagingServiceRequest PlateID PreMedication ProtocolName ReasonForStudy
ReasonForTheImagingServiceRequest ReferringPhysicianAddress ReferringPhysicianName
ReferringPhysicianTelephoneNumbers RegionOfResidence RequestAttributesSequence
RequestedContrastAgent RequestedProcedureComments RequestedProcedureDescription RequestedProcedureID
RequestedProcedureLocation RequestingPhysician RequestingService ResponsibleOrganization
ResponsiblePerson ResultsComments ReviewerName ScheduledPerformingPhysicianName
ScheduledProcedureStepDescription ScheduledStationName SeriesDescription ServiceEpisodeDescription
ServiceEpisodeID SmokingStatus SpecialNeeds StationName StudyComments StudyDescription StudyID
StudyIDIssuer TimezoneOffsetFromUTC VisitComments BodyPartExamined ViewPosition ImageLaterality
Modality
""".split()


def poisoned() -> tuple[bytes, set[str]]:
    """Return a CT whose every identifying element holds a word that must not be found again."""
    from pydicom.datadict import dictionary_VR
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    header = pydicom.dcmread(FILES / "CT_small.dcm")
    words: set[str] = set()
    for number, keyword in enumerate(IDENTIFYING):
        try:
            vr = dictionary_VR(keyword)
        except (KeyError, ValueError):
            continue
        # Words of letters alone, as names are; code fields get theirs in capitals.
        word = f"zq{''.join(chr(97 + int(digit)) for digit in f'{number:03}')}xw"
        if vr in {"LO", "SH", "LT", "ST", "UT", "PN", "CS", "AE"}:
            # A code field may be misused to hold the name; then the name stands in PatientName too.
            code = vr == "CS"
            setattr(header, keyword, "SMITHERSON" if code else f"{word} chest")
            words.add("smitherson" if code else word)
    header.PatientName = "Smitherson^Johanna"
    words |= {"smitherson", "johanna"}
    header.PatientID, header.PatientBirthDate, header.PatientAge = "ID998877", "19610203", "063Y"
    header.StudyDate = header.SeriesDate = header.ContentDate = header.AcquisitionDate = "20240506"
    header.StudyInstanceUID = generate_uid(prefix="1.2.826.0.1.3680043.8.498.")
    words |= {"id998877", "19610203", "063y", "20240506", str(header.StudyInstanceUID)}
    inner = Dataset()
    inner.PatientName = "Nestedname^X"
    header.RequestAttributesSequence = [inner]
    header.add_new((0x0099, 0x0010), "LO", "privateword")
    header.add_new((0x0099, 0x1001), "LO", "privatevalue")
    words |= {"nestedname", "privateword", "privatevalue"}
    body = io.BytesIO()
    header.save_as(body)
    return body.getvalue(), words


def test_no_identity_is_found_anywhere_in_the_collection_or_the_image_store(tmp_path: Path) -> None:
    data, words = poisoned()
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / "a.dcm").write_bytes(data)
    home = tmp_path / "data"
    store = ImageStore(home / "images", max_bytes=10**8, max_pixels=10**8)
    collections = Collections(home / "collections", HashEmbedder, reading=ReadContext(images=store))
    report = collections.add("ct", [scans])
    assert (report.added, report.failed) == (1, ())
    [hit] = collections.search("ct", "computed tomography", 1)
    assert hit.kind == "image"
    assert store.open(str(hit.locator.sha256)).shape == (128, 128, 3)
    collections.close()
    written = 0
    for file in home.rglob("*"):
        if file.is_file():
            written += 1
            held = file.read_bytes().lower()
            for word in words:
                assert word.encode() not in held, f"{word} in {file.name}"
                assert word.encode("utf-16-le") not in held, f"{word} in {file.name}"
    assert written > 3


def test_what_describes_the_image_is_kept(tmp_path: Path) -> None:
    header = pydicom.dcmread(FILES / "CT_small.dcm")
    header.StudyDescription = "CT Chest with contrast Dr Miller 555-1234"
    header.BodyPartExamined = "CHEST"
    header.BurnedInAnnotation = "YES"
    document = open_document(header, tmp_path)
    assert document.metadata["description"] == "ct chest with contrast"
    assert document.metadata["burned_in_annotation"] == "yes"
    assert document.pieces()[0].text.startswith("CT, computed tomography, chest, ct chest with contrast")


def open_document(header: Any, folder: Path) -> Any:
    body = io.BytesIO()
    header.save_as(body)
    store = ImageStore(folder / "images", max_bytes=10**8, max_pixels=10**8)
    return dicom_document(folder / "x.dcm", body.getvalue(), "x.dcm", ReadContext(images=store))


def test_a_path_that_names_the_patient_is_refused(tmp_path: Path) -> None:
    header = pydicom.dcmread(FILES / "CT_small.dcm")
    header.PatientName, header.PatientID = "Smitherson^Johanna", "998877"
    body = io.BytesIO()
    header.save_as(body)
    for name in ("smitherson_1.dcm", "Smitherson/1.dcm", "scan-998877.dcm"):
        with pytest.raises(VidenceError) as caught:
            dicom_document(tmp_path / name, body.getvalue(), name, ReadContext())
        assert caught.value.kind == "blocked"
        assert "Smitherson" not in caught.value.message


def test_the_window_and_the_photometric_interpretation_are_applied() -> None:
    header = pydicom.dcmread(FILES / "CT_small.dcm")
    header.WindowCenter, header.WindowWidth = 40, 400
    soft = render(header)
    hounsfield = header.pixel_array * float(header.RescaleSlope) + float(header.RescaleIntercept)
    assert soft.dtype == np.uint8
    assert soft[hounsfield < -160].max() <= 2
    assert soft[hounsfield > 240].min() >= 253
    header.PhotometricInterpretation = "MONOCHROME1"
    assert np.abs(render(header).astype(int) - (255 - soft.astype(int))).max() <= 1


def test_the_first_of_several_frames_is_taken_and_said_so(tmp_path: Path) -> None:
    document = open_document(pydicom.dcmread(FILES / "examples_ybr_color.dcm"), tmp_path)
    [piece] = document.pieces()
    assert "first of 30 frames" in piece.text
    assert document.metadata["burned_in_annotation"] == "likely"


@pytest.mark.parametrize("name", ["rtplan.dcm", "test-SR.dcm", "MR_truncated.dcm", "dicomdirtests/DICOMDIR"])
def test_what_is_no_whole_image_is_a_typed_error(name: str, tmp_path: Path) -> None:
    path = FILES / name
    store = ImageStore(tmp_path / "images", max_bytes=10**8, max_pixels=10**8)
    with pytest.raises(VidenceError) as caught:
        dicom_document(path, path.read_bytes(), name, ReadContext(images=store)).pieces()
    assert caught.value.kind == "invalid_input"


def test_every_bundled_file_gives_an_image_or_a_typed_error(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images", max_bytes=10**8, max_pixels=10**8)
    read = 0
    for path in sorted(FILES.glob("*.dcm")):
        # Anything but a typed error ends this test.
        with suppress(VidenceError):
            context = ReadContext(images=store)
            read += len(dicom_document(path, path.read_bytes(), path.name, context).pieces())
    assert read >= 40
